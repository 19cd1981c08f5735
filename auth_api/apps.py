from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AuthApiConfig(AppConfig):
    name = "auth_api"
    verbose_name = "Users"


class AdminConfig(DjangoAdminConfig):
    default = False
    default_site = "auth_api.admin_site.AdminSite"
