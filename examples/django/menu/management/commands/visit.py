"""Works in the admin as a person would: logs in, adds a dish, searches for it, reads its history, deletes it."""

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.test import Client

from menu.models import Dish


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("--language", default="en")

    def handle(self, *args, language, **options):
        get_user_model().objects.filter(username="visitor").delete()
        get_user_model().objects.create_superuser("visitor", "visitor@example.org", "sesame-open-7")
        self.client = Client(headers={"Accept-Language": language, "Host": "localhost"})
        if self.post("/admin/login/?next=/admin/", username="visitor", password="sesame-open-7") != "/admin/":
            raise CommandError("the admin lets nobody in")
        self.post("/admin/menu/dish/add/", name="Tea", slug="tea", price="2")
        tea = Dish.objects.get(slug="tea")
        listed = "Tea" in self.get("/admin/menu/dish/?q=tea")
        history = self.get(f"/admin/menu/dish/{tea.pk}/history/")
        self.post(f"/admin/menu/dish/{tea.pk}/delete/", post="yes")
        self.stdout.write(f"listed {listed}, history {tea.name in history}, left {Dish.objects.filter(slug='tea').count()}")
        heading = self.get("/admin/").split("<h1>")[1].split("</h1>")[0]
        self.stdout.write(f"heading {heading}")

    def get(self, path):
        answer = self.client.get(path)
        if answer.status_code != 200:
            raise CommandError(f"{path}: status {answer.status_code}")
        return answer.content.decode()

    def post(self, path, **form):
        answer = self.client.post(path, form)
        if answer.status_code != 302:
            raise CommandError(f"{path}: status {answer.status_code}: {answer.content[:300]}")
        return answer["Location"]
