from django.urls import path

from auth_api.routes import view
from trading import actions

urlpatterns = [
    path("positions/", view(get=actions.positions), name="positions"),
    path("trades/", view(get=actions.trades), name="trading-trades"),
]
