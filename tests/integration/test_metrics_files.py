"""The alert rules and the dashboard in deploy/ suit the metrics as they are."""

import json
import re
from pathlib import Path

from monitor.config.outputs import MetricsOptions
from monitor.states import SkipReason
from testkit import DATA, ROOT
from testkit.dashboard import dashboard, expressions, overlapping
from testkit.servers.prometheus import promtool

RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
COLUMNS = 24  # of Grafana's grid
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
PAGE = (ROOT / "docs" / "metrics.md").read_text()
TABLE = PAGE.partition("| metric | type |")[2]
METRICS = set(re.findall(r"^\| `(\w+)`", TABLE, re.MULTILINE))


def test_promtool_takes_the_rules_and_they_tell_what_they_should() -> None:
    assert "SUCCESS" in promtool("check", "rules", "--lint-fatal", RULES)
    assert "SUCCESS" in promtool("test", "rules", DATA / "alerts.test.yml")


def test_the_configuration_in_the_document_is_right(tmp_path: Path) -> None:
    (block,) = re.findall(r"```\n(scrape_configs:.*?)```", PAGE, re.DOTALL)
    config = tmp_path / "prometheus.yml"
    config.write_text(block.replace("/etc/prometheus/har-monitor-alerts.yml", str(RULES)))
    assert "9 rules found" in promtool("check", "config", "--lint-fatal", config)
    (target,) = re.findall(r"targets: \[(\S+)\]", block)
    usual = MetricsOptions()
    assert target == f"{usual.host}:{usual.port}"


def test_rules_and_panels_ask_for_metrics_that_there_are() -> None:
    asked = "\n".join([RULES.read_text(), *(expression for _, expression in expressions())])
    named = re.findall(r"\b(?:har|process)_\w+", asked)
    assert {re.sub("_bucket$", "", name) for name in named} <= METRICS
    assert set(re.findall(r'reason="([^"]*)"', asked)) <= set(SkipReason)


def test_every_rule_is_in_the_document() -> None:
    rules = re.findall(r"- alert: (\w+)", RULES.read_text())
    documented = re.findall(r"^\| `(Har\w+)` \|", TABLE, re.MULTILINE)
    assert documented == rules


def test_every_panel_of_the_dashboard_has_a_place_and_a_question() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert list(overlapping()) == []
    for panel in panels:
        at = panel["gridPos"]
        assert 0 <= at["x"] < at["x"] + at["w"] <= COLUMNS, panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert references, panel["title"]
        assert len(set(references)) == len(references), panel["title"]
    assert all(expression for _, expression in expressions())


def test_the_dashboard_names_no_data_source_of_its_own() -> None:
    asking = [dashboard()]
    sources = []
    while asking:
        one = asking.pop()
        if isinstance(one, dict):
            sources += [one["datasource"]] if "datasource" in one else []
            asking += one.values()
        elif isinstance(one, list):
            asking += one
    assert len(sources) > len(dashboard()["panels"])
    assert all(source == SOURCE for source in sources)


def test_the_dashboard_asks_for_no_variable_that_it_lacks() -> None:
    variables = {one["name"] for one in dashboard()["templating"]["list"]}
    assert variables == {"datasource", "instance", "camera"}
    asked = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard())))
    assert asked == variables | {"__rate_interval", "__all"}
    assert not [title for title, expression in expressions() if "$" in expression]
