"""One row for one file of a user; where two web processes had made two, the later one stays."""

from typing import Any

from django.db import migrations, models


def keep_the_last(apps: Any, schema_editor: Any) -> None:
    datasets = apps.get_model("data_api", "DataSet").objects
    twice = datasets.values("user", "symbol", "timeframe", "path").annotate(last=models.Max("id"), copies=models.Count("id"))
    for found in twice.filter(copies__gt=1).order_by():
        last = found.pop("last")
        found.pop("copies")
        datasets.filter(**found).exclude(pk=last).delete()


class Migration(migrations.Migration):
    dependencies = [("data_api", "0002_dataset_timezone")]

    operations = [
        migrations.RunPython(keep_the_last, migrations.RunPython.noop),
        migrations.AddConstraint(
            "dataset", models.UniqueConstraint(fields=("user", "symbol", "timeframe", "path"), name="dataset_once")
        ),
    ]
