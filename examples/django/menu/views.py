from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils import formats, translation
from django.utils.timezone import localtime

from menu.models import Dish


def index(request):
    return render(request, "menu/index.html", {"dishes": Dish.objects.all()})


def health(request):
    return HttpResponse("ok")


def dish(request, slug):
    return render(request, "menu/dish.html", {"dish": get_object_or_404(Dish, slug=slug)})


def dishes(request):
    return JsonResponse({"dishes": list(Dish.objects.values("name", "price"))})


def times(request):
    """The same moment as people write it elsewhere; Django has a module of formats for every language."""
    moment = datetime(2024, 7, 1, 12, 0, tzinfo=timezone.utc)
    said = {}
    for language in request.GET.get("languages", "en").split(","):
        with translation.override(language):
            said[language] = formats.date_format(localtime(moment, ZoneInfo(request.GET.get("zone", "UTC"))), "DATETIME_FORMAT")
    return JsonResponse(said, json_dumps_params={"ensure_ascii": False})


def crash(request):
    raise RuntimeError("the kettle is empty")
