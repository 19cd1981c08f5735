from django.urls import path

from trading import views

urlpatterns = [
    path("positions/", views.PositionsView.as_view(), name="positions"),
    path("trades/", views.TradesView.as_view(), name="trading-trades"),
]
