"""Each run says of which kind it is; until here the fields that were filled told it."""

from typing import Any

from django.db import migrations, models


def fill(apps: Any, schema_editor: Any) -> None:
    runs = apps.get_model("backtest_api", "BacktestRun").objects.using(schema_editor.connection.alias)
    runs.exclude(code="").update(kind="code")
    runs.filter(search__isnull=False).update(kind="search")


class Migration(migrations.Migration):
    dependencies = [("backtest_api", "0006_beats")]

    operations = [
        migrations.AddField(
            model_name="backtestrun",
            name="kind",
            field=models.CharField(default="canonical", max_length=16),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
