from django.apps import AppConfig


class AiApiConfig(AppConfig):
    name = "ai_api"
    verbose_name = "Language models"
