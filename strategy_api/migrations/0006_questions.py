from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("strategy_api", "0005_trials")]

    operations = [
        migrations.AddField(
            model_name="strategy",
            name="questions",
            field=models.JSONField(default=list, help_text="What is open; a strategy with questions cannot be run"),
        ),
    ]
