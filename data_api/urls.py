from django.urls import path
from rest_framework.parsers import MultiPartParser

from auth_api.routes import view
from data_api import actions

FILES = (MultiPartParser,)

urlpatterns = [
    path("data/fetch/", view(post=actions.dataset_fetch), name="data-fetch"),
    path("data/indicators/", view(get=actions.indicators), name="indicators"),
    path("data/symbols/", view(get=actions.symbols), name="symbols"),
    path("data/datasets/", view(get=actions.datasets), name="datasets"),
    path("data/datasets/preview/", view(post=actions.dataset_preview, parser_classes=FILES), name="dataset-preview"),
    path("data/datasets/upload/", view(post=actions.dataset_upload, parser_classes=FILES), name="dataset-upload"),
    path("data/datasets/<int:dataset_id>/", view(get=actions.dataset, delete=actions.dataset_delete), name="dataset"),
]
