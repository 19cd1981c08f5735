"""The wire shape of runs, trades and equity."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, get_args

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from actions.outcomes import Outcome
from auth_api.requests import RequestSerializer, TextOrNumberField
from Backtest.machine import LEFT
from Backtest.market import Timeframe
from Backtest.search.ranges import RANGED
from backtest_api.assumed import assumptions_of
from backtest_api.models import BacktestJob, BacktestRun
from backtest_api.results import artifact_folder
from backtest_api.warnings import of_several
from data_api.serializers import SYMBOL, TIMEZONE
from strategy_api.outcomes import Lookahead, Resources
from strategy_api.production_serializers import CODE, RangesField
from strategy_api.serializers import AssumptionSerializer, CanonicalField, TextField


class RunOptionsSerializer(RequestSerializer):
    symbol = serializers.RegexField(SYMBOL, required=False, help_text="The strategy's first symbol by default")
    start_date = serializers.DateField(required=False)
    end_date = serializers.DateField(required=False, help_text="Inclusive")
    timeframe = serializers.ChoiceField(choices=get_args(Timeframe), required=False)
    timezone = TextField(**TIMEZONE)
    cash = serializers.FloatField(required=False, min_value=0.01, max_value=1e12)
    commission = serializers.FloatField(
        required=False, min_value=0, max_value=0.0999, help_text="A fraction: 0.001 is 0.1%"
    )
    spread = serializers.FloatField(required=False, min_value=0, max_value=0.0999, help_text="A fraction")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start, end = attrs.get("start_date"), attrs.get("end_date")
        if start and end and start > end:
            raise serializers.ValidationError({"start_date": f"{start} is after end_date {end}: swap them"})
        return attrs


@extend_schema_serializer(
    examples=[
        OpenApiExample("run", value={"strategy_id": 1, "symbol": "GOOG", "start_date": "2005-01-01"}, request_only=True)
    ]
)
class RunCreateSerializer(RunOptionsSerializer):
    strategy_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "words",
            value={"user_description": "Buy when RSI < 30, sell when RSI > 70, stop 5%", "symbol": "GOOG"},
            request_only=True,
        )
    ]
)
class QuickRunSerializer(RunOptionsSerializer):
    strategy_id = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    canonical_json = CanonicalField(required=False)
    user_description = TextField(required=False, allow_blank=True, trim_whitespace=False, max_length=10_000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        given = [k for k in ("strategy_id", "canonical_json", "user_description") if k in attrs]
        if len(given) != 1 or not attrs[given[0]]:
            said = f"{' and '.join(given)} were given" if given else "none was given"
            said = f"{given[0]} is empty" if len(given) == 1 else said
            raise serializers.ValidationError(f"Give one of strategy_id, canonical_json and user_description; {said}")
        return attrs


class EventSerializer(serializers.Serializer[Any]):
    """One server-sent event; `data` is JSON with `at` and status, progress, text or error."""

    id = serializers.CharField()
    event = serializers.ChoiceField(choices=["status", "progress", "log"])
    data = serializers.CharField()  # type: ignore[assignment]


class RunSandboxRequest(RunOptionsSerializer):
    strategy_id = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    code = TextField(**CODE, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if ("strategy_id" in attrs) == ("code" in attrs):
            raise serializers.ValidationError("Give one of strategy_id and code")
        return attrs


class ConfigCheckRequest(RequestSerializer):
    """As backtests/, but what would be refused there is told here with everything else."""

    strategy_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    symbol = TextField(required=False, allow_blank=True, max_length=40)
    start_date = serializers.DateField(required=False)
    end_date = serializers.DateField(required=False)
    timeframe = TextField(required=False, max_length=10)
    timezone = TextField(**{**TIMEZONE, "validators": []})
    cash = serializers.FloatField(required=False)
    commission = serializers.FloatField(required=False)
    spread = serializers.FloatField(required=False)


KINDS = {
    ".csv": "csv",
    ".html": "html",
    ".json": "manifest",
    ".py": "code",
    ".parquet": "data",
    ".png": "plot",
    ".txt": "log",
}


def artifacts_of(run: BacktestRun) -> list[dict[str, str]]:
    """Return type, name and path of each file of a run."""
    folder = artifact_folder(run)
    names = sorted(p.name for p in folder.iterdir() if p.is_file() and p.suffix != LEFT) if folder.is_dir() else []
    return [
        {"type": KINDS.get(Path(n).suffix, "file"), "name": n, "path": reverse("backtest-artifact", args=[run.pk, n])}
        for n in names
    ]


class TrialsSerializer(serializers.Serializer[Any]):
    """How often a strategy's lineage was tried on a data set. Probabilities are from 0 to 1."""

    number = serializers.IntegerField()
    independent = serializers.FloatField()
    probabilistic_sharpe = serializers.FloatField(allow_null=True)
    deflated_sharpe = serializers.FloatField(allow_null=True)
    pbo = serializers.FloatField(allow_null=True)
    minimum_backtest_years = serializers.FloatField()
    years = serializers.FloatField()
    text = serializers.CharField()


class DatedAssumptionSerializer(AssumptionSerializer):
    first_difference = serializers.CharField(
        allow_blank=True, help_text="When the reading not taken would first have traded differently"
    )


ISOLATED = "Whether its code was kept from the machine by bubblewrap or Docker; false until it has run"


def _or_none(outcome: type[Outcome]) -> dict[str, Any]:
    """Describe a field that has an outcome of an action, or null."""
    return {"allOf": [{"$ref": f"#/components/schemas/{outcome.__name__}"}], "nullable": True}


class RunSerializer(serializers.ModelSerializer[BacktestRun]):
    strategy_id = serializers.IntegerField(allow_null=True)
    metrics = serializers.DictField(help_text="All figures (docs/figures.md); null where there is none")
    cautions = serializers.SerializerMethodField(
        help_text="Figures that rest on too little, each with what it rests on, such as 3 trades"
    )
    warnings = serializers.ListField(child=serializers.CharField())
    assumptions = serializers.SerializerMethodField(
        help_text="What nobody said and was assumed when the strategy was read; none once it has another version"
    )
    artifacts = serializers.SerializerMethodField()
    trades_csv = serializers.SerializerMethodField()
    equity_csv = serializers.SerializerMethodField()
    report_html = serializers.SerializerMethodField()
    ranges = RangesField(
        allow_null=True,
        help_text="Figures from the worst to the best of what a bar may have been inside and of what trading may cost; null "
        "until the run is looked at, and where a warning says why there is none",
    )
    lookahead = serializers.SerializerMethodField(
        help_text="Whether the code knows the future; null where nobody asked"
    )
    follow_up = serializers.IntegerField(
        allow_null=True, help_text="The backtest that was queued for `lookahead` and `ranges` of this one's code"
    )
    resources = serializers.SerializerMethodField(help_text="What it took; null until it is completed")
    isolated = serializers.BooleanField(help_text=ISOLATED)
    trials = serializers.SerializerMethodField(
        help_text="How often this was tried on these prices, and what that means"
    )

    class Meta:
        model = BacktestRun
        fields: ClassVar = [
            "id", "kind", "strategy_id", "strategy_version", "status", "progress", "symbol", "timeframe", "start_date", "end_date",
            "data_source", "data_sha256", "code_sha256", "total_pnl", "total_return_pct", "win_rate", "max_drawdown",
            "sharpe_ratio", "sortino_ratio", "calmar_ratio", "cagr", "profit_factor", "total_trades", "buy_and_hold_return_pct",
            "metrics", "cautions", "summary", "artifacts", "trades_csv", "equity_csv", "report_html", "error", "warnings", "assumptions",
            "duration_ms", "attempts", "created_at", "started_at", "finished_at", "ranges", "lookahead", "follow_up", "trials", "resources",
            "isolated",
        ]  # fmt: skip
        read_only_fields: ClassVar = fields

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_cautions(self, run: BacktestRun) -> dict[str, str]:
        found: dict[str, str] = run.outcome.get("cautions", {})
        return found

    @extend_schema_field(DatedAssumptionSerializer(many=True))
    def get_assumptions(self, run: BacktestRun) -> list[dict[str, str]]:
        return assumptions_of(run)

    @extend_schema_field(_or_none(Lookahead))
    def get_lookahead(self, run: BacktestRun) -> dict[str, Any] | None:
        found: dict[str, Any] | None = run.outcome.get("lookahead")
        return found

    @extend_schema_field(_or_none(Resources))
    def get_resources(self, run: BacktestRun) -> dict[str, float] | None:
        found: dict[str, float] | None = run.manifest.get("resources")
        return found

    @extend_schema_field(TrialsSerializer(allow_null=True))
    def get_trials(self, run: BacktestRun) -> dict[str, Any] | None:
        found: dict[str, Any] | None = run.outcome.get("trials")
        return found

    def _url(self, run: BacktestRun, name: str, query: str = "") -> str | None:
        if run.status != BacktestRun.Status.COMPLETED:
            return None
        return reverse(name, args=[run.pk]) + query

    def get_trades_csv(self, run: BacktestRun) -> str | None:
        return self._url(run, "backtest-trades", "?format=csv")

    def get_equity_csv(self, run: BacktestRun) -> str | None:
        return self._url(run, "backtest-equity", "?format=csv")

    def get_report_html(self, run: BacktestRun) -> str | None:
        return self._url(run, "backtest-report")

    @extend_schema_field(
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {n: {"type": "string"} for n in ("type", "name", "path")},
            },
        }
    )
    def get_artifacts(self, run: BacktestRun) -> list[dict[str, str]]:
        return artifacts_of(run)


class QuickRunResultSerializer(RunSerializer):
    """A run with how its text was understood."""

    description = serializers.CharField(help_text="The strategy in plain English")

    class Meta(RunSerializer.Meta):
        fields: ClassVar = [*RunSerializer.Meta.fields, "description"]


class TradeRowSerializer(serializers.Serializer[Any]):
    side = serializers.ChoiceField(choices=["long", "short"])
    size = serializers.FloatField()
    entry_bar = serializers.IntegerField()
    exit_bar = serializers.IntegerField()
    entry_time = serializers.CharField()
    exit_time = serializers.CharField()
    entry_price = serializers.FloatField()
    exit_price = serializers.FloatField()
    stop_loss = serializers.FloatField(allow_null=True)
    take_profit = serializers.FloatField(allow_null=True)
    pnl = serializers.FloatField()
    return_pct = serializers.FloatField()
    commission = serializers.FloatField()
    exit_reason = serializers.CharField()


class EquityRowSerializer(serializers.Serializer[Any]):
    time = serializers.CharField()
    Equity = serializers.FloatField()
    DrawdownPct = serializers.FloatField(allow_null=True)


class CodeFileSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()


class ClauseSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    kind = serializers.ChoiceField(choices=["entry", "exit"])
    side = serializers.ChoiceField(choices=["long", "short"])
    text = serializers.CharField()
    type = serializers.CharField()
    truth = serializers.BooleanField(allow_null=True)
    values = serializers.DictField()
    clauses = serializers.ListField(child=serializers.DictField(), required=False)


class DayEventSerializer(serializers.Serializer[Any]):
    bar = serializers.IntegerField()
    time = serializers.CharField()
    decision = serializers.DictField()
    orders = serializers.ListField(child=serializers.DictField())
    answer = serializers.CharField()


class ExplainedDaySerializer(serializers.Serializer[Any]):
    date = serializers.DateField()
    bars = serializers.IntegerField()
    events = DayEventSerializer(many=True, help_text="The bars with fills or decisions")


class ExplanationSerializer(serializers.Serializer[Any]):
    bar = serializers.IntegerField()
    time = serializers.CharField()
    prices = serializers.DictField(child=serializers.FloatField())
    warming_up = serializers.BooleanField()
    first_decision_bar = serializers.IntegerField()
    position = serializers.DictField(allow_null=True)
    rules = ClauseSerializer(many=True)
    decision = serializers.DictField()
    orders = serializers.ListField(child=serializers.DictField(), help_text="What was filled in this bar")
    answer = serializers.CharField(help_text="What was filled, what was decided, and why")
    day = ExplainedDaySerializer(required=False, help_text="Where a day of bars within a day was asked for")


# -- The envelope of a job -----------------------------------------------------------------------


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "three",
            value={
                "strategy": "EMA(20) crosses above EMA(50)",
                "symbols": ["AAPL", "MSFT", "GOOG"],
                "from": "2006-01-01",
            },
            request_only=True,
        )
    ]
)
class JobRequestSerializer(RequestSerializer):
    strategy = TextOrNumberField(
        max_length=10_000,
        trim_whitespace=False,
        help_text="Name or number of a stored strategy, the name of a template (strategies/templates/), or a text",
    )
    symbols = serializers.ListField(child=serializers.RegexField(SYMBOL), max_length=50, required=False, default=list)
    timeframe = serializers.ChoiceField(choices=get_args(Timeframe), required=False)
    vars()["from"] = serializers.DateField(required=False)  # a word of Python, and of the contract
    to = serializers.DateField(required=False, help_text="Inclusive")
    timezone = TextField(**TIMEZONE)
    notes = serializers.CharField(
        required=False, allow_blank=True, max_length=2000, help_text="A remark; a risk-free rate in it counts (a year)"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start, end = attrs.get("from"), attrs.get("to")
        if start and end and start > end:
            raise serializers.ValidationError({"from": f"{start} is after to {end}: swap them"})
        return attrs


class ArtifactSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=[*KINDS.values(), "file"])
    name = serializers.CharField()
    path = serializers.CharField()


class FiguresSerializer(serializers.Serializer[Any]):
    """Fractions: a `cagr` of 0.12 is 12% a year, a `max_drawdown` of -0.08 a loss of 8%, `win_rate` is from 0 to 1."""

    total_return = serializers.FloatField(allow_null=True)
    buy_and_hold_return = serializers.FloatField(allow_null=True)
    cagr = serializers.FloatField(allow_null=True)
    max_drawdown = serializers.FloatField(allow_null=True)
    sharpe = serializers.FloatField(allow_null=True)
    sortino = serializers.FloatField(allow_null=True)
    calmar = serializers.FloatField(allow_null=True)
    profit_factor = serializers.FloatField(allow_null=True)
    win_rate = serializers.FloatField(allow_null=True)
    trades = serializers.IntegerField(allow_null=True)


class JobResultSerializer(serializers.Serializer[Any]):
    symbol = serializers.CharField()
    run_id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=BacktestRun.Status.choices)
    progress = serializers.FloatField()
    summary = serializers.CharField(allow_blank=True)
    error = serializers.CharField(allow_blank=True)
    warnings = serializers.ListField(child=serializers.CharField())
    metrics = FiguresSerializer(allow_null=True)
    artifacts = ArtifactSerializer(many=True)
    container = serializers.DictField(
        child=serializers.CharField(), help_text="backend; name and image where there is a container"
    )
    ranges = RangesField(allow_null=True)
    isolated = serializers.BooleanField(help_text=ISOLATED)


class JobRowSerializer(FiguresSerializer):
    symbol = serializers.CharField()


class JobSerializer(serializers.Serializer[BacktestJob]):
    """What a job has come to. `metrics`, `artifacts` and `container` are those of its only symbol, `warnings` those of
    all, with the symbols they belong to where they are not of each."""

    id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=BacktestRun.Status.choices)
    summary = serializers.CharField(allow_blank=True)
    warnings = serializers.ListField(child=serializers.CharField())
    metrics = FiguresSerializer(allow_null=True)
    artifacts = ArtifactSerializer(many=True)
    container = serializers.DictField(child=serializers.CharField())
    results = JobResultSerializer(many=True)
    table = JobRowSerializer(many=True, help_text="The figures of all symbols that are done, a row each")
    request = serializers.DictField()
    notes = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()

    def to_representation(self, job: BacktestJob) -> dict[str, Any]:
        results = [_result(run) for run in job.runs.order_by("id")]
        one = results[0] if len(results) == 1 else {"metrics": None, "artifacts": [], "container": {}}
        done = [r for r in results if r["metrics"]]
        return {
            "id": job.pk,
            "status": _together([r["status"] for r in results]),
            "summary": "; ".join(
                r["summary"] or f"{r['symbol']}: {r['error']}" for r in results if r["summary"] or r["error"]
            ),
            "warnings": of_several((r["symbol"], r["warnings"]) for r in results),
            "metrics": one["metrics"],
            "artifacts": one["artifacts"],
            "container": one["container"],
            "results": results,
            "table": [{"symbol": r["symbol"], **r["metrics"]} for r in done],
            "request": job.request,
            "notes": job.notes,
            "created_at": job.created_at.isoformat(),
        }


def _result(run: BacktestRun) -> dict[str, Any]:
    done = run.status == BacktestRun.Status.COMPLETED
    figures = {
        "total_return": _fraction(run.total_return_pct), "buy_and_hold_return": _fraction(run.buy_and_hold_return_pct),
        "cagr": _fraction(run.cagr), "max_drawdown": _fraction(run.max_drawdown), "sharpe": run.sharpe_ratio, "sortino": run.sortino_ratio,
        "calmar": run.calmar_ratio, "profit_factor": run.profit_factor, "win_rate": run.win_rate, "trades": run.total_trades,
    }  # fmt: skip
    container = {k: str(v) for k, v in run.manifest.get("sandbox", {}).items() if k in ("backend", "name", "image")}
    return {
        "symbol": run.symbol,
        "run_id": run.pk,
        "status": run.status,
        "progress": run.progress,
        "summary": run.summary,
        "error": run.error,
        "warnings": run.warnings,
        "metrics": figures if done else None,
        "artifacts": artifacts_of(run) if done else [],
        "container": container,
        "ranges": _fractions(run.ranges) if run.ranges else run.ranges,
        "isolated": run.isolated,
    }


def _fractions(ranges: dict[str, Any]) -> dict[str, Any]:
    """Return ranges with percentages as fractions, as all figures of the envelope are."""
    percentages = {key for key, column in RANGED.items() if column.endswith("[%]")}
    return {
        key: {end: _fraction(value) for end, value in found.items()} if key in percentages else found
        for key, found in ranges.items()
    }


def _fraction(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _together(statuses: list[str]) -> str:
    """Return the status of a job: queued until one runs, completed when all have ended and one is completed."""
    kinds = set(statuses)
    status = BacktestRun.Status
    if kinds <= {status.QUEUED}:
        return str(status.QUEUED)
    if kinds & {status.QUEUED, status.RUNNING}:
        return str(status.RUNNING)
    return next((str(s) for s in (status.COMPLETED, status.FAILED) if s in kinds), str(status.CANCELLED))


# -- Searches ------------------------------------------------------------------------------------


@extend_schema_field(
    {
        "oneOf": [
            {
                "type": "object",
                "properties": {name: {"type": "number"} for name in ("min", "max", "step")},
                "required": ["min", "max"],
                "additionalProperties": False,
            },
            {"type": "array", "items": {"type": "number"}},
        ]
    }
)
class ParameterField(serializers.JSONField):
    """A range or a list of values."""


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "sweep",
            value={
                "strategy_id": 1,
                "parameters": {"rsi_period": {"min": 5, "max": 30, "step": 1}, "risk.stop_loss.value": [3, 5, 8]},
                "objective": "sharpe_ratio",
            },
            request_only=True,
        ),
        OpenApiExample(
            "words", value={"strategy_id": 1, "instructions": "optimise the RSI period from 5 to 30"}, request_only=True
        ),
    ]
)
class SearchCreateSerializer(RunOptionsSerializer):
    strategy_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    parameters = serializers.DictField(
        child=ParameterField(), required=False, help_text="Path or name of a number to its range or values"
    )
    instructions = TextField(required=False, max_length=2000, help_text="The same in words")
    constraint = serializers.CharField(required=False, allow_blank=True, max_length=500, help_text="fast < slow")
    objective = serializers.JSONField(
        required=False, help_text="A figure such as sharpe_ratio, or several for the Pareto front; -name turns it round"
    )
    method = serializers.ChoiceField(choices=["grid", "random", "tpe"], required=False)
    max_tries = serializers.IntegerField(required=False, min_value=1, max_value=1_000_000)
    seed = serializers.IntegerField(required=False, min_value=0, max_value=2**32 - 1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        given = [name for name in ("parameters", "instructions") if name in attrs]
        if len(given) != 1:
            said = "both were given" if given else "none was given"
            raise serializers.ValidationError({"parameters": f"Give one of parameters and instructions; {said}"})
        return attrs


class CombinationSerializer(serializers.Serializer[Any]):
    values = serializers.DictField(child=serializers.FloatField())
    paths = serializers.DictField(child=serializers.FloatField())
    figures = serializers.DictField(child=serializers.FloatField(allow_null=True))


class VerdictSerializer(serializers.Serializer[Any]):
    word = serializers.ChoiceField(choices=["robust", "fragile", "likely overfit"])
    text = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField())


class SearchSerializer(serializers.Serializer[BacktestRun]):
    """A search, and what it found once it is completed. The best combination is the backtest of the same id."""

    id = serializers.IntegerField()
    strategy_id = serializers.IntegerField(allow_null=True)
    status = serializers.ChoiceField(choices=BacktestRun.Status.choices)
    progress = serializers.FloatField()
    error = serializers.CharField(allow_blank=True)
    summary = serializers.CharField(allow_blank=True)
    symbol = serializers.CharField()
    timeframe = serializers.CharField()
    request = serializers.DictField()
    combinations = serializers.IntegerField(allow_null=True)
    tried = serializers.IntegerField(allow_null=True)
    failed = serializers.IntegerField(allow_null=True)
    best = CombinationSerializer(allow_null=True)
    top = CombinationSerializer(many=True)
    pareto = CombinationSerializer(many=True)
    stability = serializers.DictField()
    statistics = serializers.DictField()
    verdict = VerdictSerializer(allow_null=True)
    warnings = serializers.ListField(child=serializers.CharField())
    confirmed = serializers.BooleanField(help_text="backtesting.py made the same trades in the sandbox")
    isolated = serializers.BooleanField(help_text=ISOLATED)
    canonical_json = serializers.DictField(allow_null=True, help_text="The strategy with the best numbers")
    artifacts = ArtifactSerializer(many=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, run: BacktestRun) -> dict[str, Any]:
        found = run.outcome
        return {
            "id": run.pk, "strategy_id": run.strategy_id, "status": run.status, "progress": run.progress, "error": run.error,
            "isolated": run.isolated,
            "summary": run.summary, "symbol": run.symbol, "timeframe": run.timeframe, "request": run.search,
            "combinations": found.get("combinations"), "tried": found.get("tried"), "failed": found.get("failed"),
            "best": found.get("best"), "top": found.get("top", []), "pareto": found.get("pareto", []),
            "stability": found.get("stability", {}), "statistics": found.get("statistics", {}),
            "verdict": found.get("verdict"), "warnings": run.warnings, "confirmed": found.get("confirmed", False),
            "canonical_json": found.get("canonical"), "artifacts": artifacts_of(run),
            "created_at": run.created_at.isoformat(),
            "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        }  # fmt: skip
