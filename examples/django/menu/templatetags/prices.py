from django import template
from django.utils.formats import number_format

register = template.Library()


@register.filter
def euros(price):
    return f"{number_format(price, 2)} €"
