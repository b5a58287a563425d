from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class Dish(models.Model):
    name = models.CharField(_("name"), max_length=80)
    slug = models.SlugField(unique=True)
    price = models.DecimalField(_("price"), max_digits=6, decimal_places=2, validators=[MinValueValidator(0)])
    added = models.DateTimeField(_("added"), auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("dish")
        verbose_name_plural = _("dishes")

    def __str__(self):
        return self.name
