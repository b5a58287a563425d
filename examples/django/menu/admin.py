from django.contrib import admin

from menu.models import Dish


@admin.register(Dish)
class DishAdmin(admin.ModelAdmin):
    list_display = ("name", "price", "added")
    search_fields = ("name",)
    date_hierarchy = "added"
    prepopulated_fields = {"slug": ("name",)}
