from django.apps import AppConfig


class DataApiConfig(AppConfig):
    name = "data_api"
    verbose_name = "Data"
