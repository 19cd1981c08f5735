from django.urls import path

from data_api import views

urlpatterns = [
    path("data/fetch/", views.FetchView.as_view(), name="data-fetch"),
    path("data/indicators/", views.IndicatorsView.as_view(), name="indicators"),
    path("data/datasets/", views.DataSetListView.as_view(), name="datasets"),
    path("data/datasets/preview/", views.PreviewView.as_view(), name="dataset-preview"),
    path("data/datasets/upload/", views.UploadView.as_view(), name="dataset-upload"),
    path("data/datasets/<int:dataset_id>/", views.DataSetView.as_view(), name="dataset"),
]
