"""Runs are compared column by column only where segments mean the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rfm_spark.capabilities.clusters.config import ClustersConfig
from rfm_spark.capabilities.clusters.model import definition_of
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.segments.definition import definition_changed, made_from
from rfm_spark.core.config import Config
from tests.scopes.world import scoped
from tests.usage.world import saas

SCOPED = {"scope": ["country"]}
NONE = (None, None)


def stored(config: Config, **customers: Any) -> dict[str, Any]:
    document = config.document()
    sources = document["sources"]
    return {**document, "sources": {**sources, "customers": {**sources["customers"], **customers}}}


def test_another_mapping_of_what_parts_customers_is_another_definition(tmp_path: Path) -> None:
    config = scoped(tmp_path, rfm=SCOPED)
    before = stored(config)
    assert not definition_changed(before, before, NONE)
    assert definition_changed(stored(config, attributes={"country": "lower(country)"}), before, NONE)
    assert definition_changed(stored(config, where="country <> 'LI'"), before, NONE)
    # Neither where the records are, nor what nothing is parted by.
    assert not definition_changed(stored(config, path="elsewhere"), before, NONE)
    more = stored(config, attributes={"country": "country", "brand": "brand"})
    assert not definition_changed(more, before, NONE)
    whole = scoped(tmp_path)
    assert not definition_changed(stored(whole, where="country <> 'LI'"), stored(whole), NONE)


def test_another_mapping_of_events_is_one_where_measures_are_made_from_them(tmp_path: Path) -> None:
    config = saas(tmp_path)
    before = config.document()
    events = {**before["sources"]["events"], "where": "channel = 'app'"}
    after = {**before, "sources": {**before["sources"], "events": events}}
    assert definition_changed(after, before, NONE)
    assert not definition_changed(before, before, NONE)
    # What becomes of a row shapes measures; a limit that stops a run does not.
    for quality, changes in (({"checks": {"bot": "flag"}}, True), ({"max_reject_share": 0.5}, False)):
        own = {**before["sources"]["events"], "quality": {**before["sources"]["events"]["quality"], **quality}}
        after = {**before, "sources": {**before["sources"], "events": own}}
        assert definition_changed(after, before, NONE) == changes


def test_models_follow(tmp_path: Path) -> None:
    clusters = ClustersConfig()
    config = scoped(tmp_path, rfm=SCOPED)
    rfm = config.part(RfmConfig)
    same, other = made_from(stored(config)), made_from(stored(config, where="country <> 'LI'"))
    assert definition_of(clusters, rfm, same) != definition_of(clusters, rfm, other)
    plain = scoped(tmp_path)
    assert made_from(plain.stored()) == {}
    rfm = plain.part(RfmConfig)
    assert definition_of(clusters, rfm, made_from(plain.stored())) == definition_of(clusters, rfm)
