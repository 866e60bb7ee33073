"""What operators may add before the API, and how much runs at once: off by default."""

from typing import Any

import pytest

ADDED = {
    "ApiDomain": ("HasDomain", "DomainName", ""),
    "ApiMapping": ("HasDomain", "DomainName", ""),
    "ApiFirewall": ("HasFirewall", "RequestsPerAddress", "0"),
    "ApiFirewallAssociation": ("HasFirewall", "RequestsPerAddress", "0"),
}
BOUNDED = {
    "ApiFunction": ("ReservesApi", "ApiConcurrency"),
    "AuthorizeFunction": ("ReservesApi", "ApiConcurrency"),
    "StoreVideoFunction": ("BoundsStoreVideo", "StoreVideoConcurrency"),
}


@pytest.mark.parametrize("resource", ADDED)
def test_it_is_there_only_where_its_parameter_is_set(
    template: dict[str, Any], translated: dict[str, Any], resource: str
) -> None:
    condition, parameter, off = ADDED[resource]
    assert translated[resource]["Condition"] == condition
    assert template["Conditions"][condition] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, off]}]
    }
    assert template["Parameters"][parameter]["Default"] == off


def test_a_domain_speaks_no_old_tls_and_leads_to_the_stage(translated: dict[str, Any]) -> None:
    assert translated["ApiDomain"]["Properties"]["SecurityPolicy"] == "TLS_1_2"
    mapping = translated["ApiMapping"]["Properties"]
    [stage] = (n for n, r in translated.items() if r["Type"] == "AWS::ApiGateway::Stage")
    assert (mapping["RestApiId"], mapping["Stage"]) == ({"Ref": "Api"}, {"Ref": stage})


def test_the_firewall_stands_before_the_stage_and_counts_addresses(
    translated: dict[str, Any],
) -> None:
    [rule] = translated["ApiFirewall"]["Properties"]["Rules"]
    limit = {"Limit": {"Ref": "RequestsPerAddress"}, "AggregateKeyType": "IP"}
    assert rule["Statement"] == {"RateBasedStatement": limit}
    assert rule["Action"] == {"Block": {}}
    arn = translated["ApiFirewallAssociation"]["Properties"]["ResourceArn"]["Fn::Sub"]
    assert arn.endswith("::/restapis/${Api}/stages/${Apiv1Stage}")


def test_concurrency_is_reserved_only_where_an_operator_says_so(
    template: dict[str, Any], translated: dict[str, Any]
) -> None:
    found = {
        name: resource["Properties"]["ReservedConcurrentExecutions"]
        for name, resource in translated.items()
        if "ReservedConcurrentExecutions" in resource.get("Properties", {})
    }
    assert found == {
        name: {"Fn::If": [condition, {"Ref": parameter}, {"Ref": "AWS::NoValue"}]}
        for name, (condition, parameter) in BOUNDED.items()
    }
    assert all(template["Parameters"][p]["Default"] == "0" for _, p in BOUNDED.values())


def test_events_leave_executions_to_the_api_of_a_new_account(translated: dict[str, Any]) -> None:
    """An account begins with 10, and a new table with some four shards."""
    [stream] = (
        resource["Properties"]
        for resource in translated.values()
        if resource["Type"] == "AWS::Lambda::EventSourceMapping"
    )
    assert 4 * stream["ParallelizationFactor"] < 10


@pytest.mark.parametrize("bucket", ["ImagesBucket", "VideosBucket"])
def test_markers_of_what_was_deleted_go_with_its_last_version(
    translated: dict[str, Any], bucket: str
) -> None:
    rules = translated[bucket]["Properties"]["LifecycleConfiguration"]["Rules"]
    [rule] = (rule for rule in rules if "NoncurrentVersionExpiration" in rule)
    # S3 takes it only in a rule without a time of expiration.
    assert rule["ExpiredObjectDeleteMarker"] is True
    assert "ExpirationInDays" not in rule
