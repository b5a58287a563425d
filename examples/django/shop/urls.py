from django.contrib import admin
from django.urls import path

from menu import views

urlpatterns = [
    path("", views.index),
    path("health", views.health),
    path("dishes.json", views.dishes),
    path("dishes/<slug:slug>", views.dish),
    path("times", views.times),
    path("crash", views.crash),
    path("admin/", admin.site.urls),
]
