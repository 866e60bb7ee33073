"""Checks of the functions and the workflow: there, able to run, and set up alike."""

import re
from collections import Counter, defaultdict
from typing import Any, Final

from botocore.exceptions import ClientError
from image_to_video import __version__
from image_to_video.domain.errors import SettingsError
from image_to_video.settings import Settings

from i2v.doctor.examined import Examined, variables_of
from i2v.doctor.findings import Findings, named, ok, problem, warning

_DEPLOY: Final = "Deploy again."


def function_state(stack: Examined) -> Findings:
    """Whether each function is there and may run."""
    wanted = stack.of_kind("AWS::Lambda::Function")
    able = 0
    for function in wanted:
        config = stack.functions.get(function.name)
        if config is None:
            yield problem(f"{function.name} does not exist any more", do=_DEPLOY)
            continue
        state, last = config.get("State", "Active"), config.get("LastUpdateStatus", "Successful")
        reply = stack.client("lambda").get_function_concurrency(FunctionName=function.physical)
        if reply.get("ReservedConcurrentExecutions") == 0:
            yield problem(
                f"{function.name} is switched off: its reserved concurrency is 0",
                do=f"aws lambda delete-function-concurrency --function-name {function.physical}",
            )
        elif last == "InProgress":
            yield warning(f"{function.name} is being updated", do="Wait a minute, and repeat.")
        elif state not in ("Active", "Inactive") or last == "Failed":
            reason = (
                config.get("StateReason") or config.get("LastUpdateStatusReason") or "no reason"
            )
            yield problem(f"{function.name} is {state}, {last}: {reason}", do=_DEPLOY)
        else:
            able += 1
    if able == len(wanted):
        yield ok(f"all {able} functions are there and may run")


def aliases(stack: Examined) -> Findings:
    """Whether every alias leads to one version, whose code is the newest."""
    client, settled = stack.client("lambda"), 0
    aliases = stack.of_kind("AWS::Lambda::Alias")
    for alias in aliases:
        function, _, name = alias.physical.partition(":function:")[2].partition(":")
        there = client.get_alias(FunctionName=function, Name=name)
        if weights := there.get("RoutingConfig", {}).get("AdditionalVersionWeights"):
            told = ", ".join(f"{share:.0%} to version {v}" for v, share in weights.items())
            yield warning(
                f"{alias.name} is being shifted: {told}", do="Wait until the deployment has ended."
            )
            continue
        newest, live = (
            client.get_function_configuration(FunctionName=function, **which)["CodeSha256"]
            for which in ({}, {"Qualifier": name})
        )
        if newest != live:
            yield problem(
                f"{alias.name} leads to version {there['FunctionVersion']}, which is not the code "
                "that was deployed last",
                do="Deploy again, if nobody rolled it back on purpose.",
            )
        else:
            settled += 1
    if settled == len(aliases):
        yield ok(f"{settled} aliases lead to the code that was deployed last")


def environment(stack: Examined) -> Findings:
    """Whether the functions' environment variables are whole, valid and the same."""
    values: dict[str, dict[str, str]] = defaultdict(dict)
    for name, config in stack.functions.items():
        for variable, value in variables_of(config).items():
            values[variable][name] = value
    faults: dict[str, list[str]] = defaultdict(list)
    for variable, by_function in values.items():
        usual, times = Counter(by_function.values()).most_common(1)[0]
        if times * 2 <= len(by_function):
            continue
        for name, value in by_function.items():
            if value != usual:
                faults[name].append(variable)
    most = max((len(variables_of(config)) for config in stack.functions.values()), default=0)
    for name, config in stack.functions.items():
        given = variables_of(config)
        # Only the release's own rules can tell; and a function without them needs none.
        if stack.outputs.get("Version") == __version__ and 2 * len(given) > most:
            faults[name] += _refused(given)
    for name, wrong in faults.items():
        if wrong:
            yield problem(
                f"{name} has other or invalid variables: {named(sorted(set(wrong)))}", do=_DEPLOY
            )
    if not any(faults.values()):
        yield ok(f"{len(values)} variables are the same in all functions that have them")


def _refused(variables: dict[str, str]) -> list[str]:
    """What the settings of this release say against an environment."""
    try:
        Settings.read(variables)
    except SettingsError as error:
        return re.findall(r"\b[A-Z][A-Z0-9_]{2,}(?=: )", str(error)) or [str(error)]
    return []


def workflow(stack: Examined) -> Findings:
    """Whether the state machine is there, with the stack's role and functions."""
    arn = stack.output("StateMachineArn")
    try:
        machine = stack.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    except ClientError as error:
        if error.response["Error"].get("Code") != "StateMachineDoesNotExist":
            raise
        yield problem("the state machine does not exist: no task is polled or stored", do=_DEPLOY)
        return
    faults = list(_faults_of(machine, stack))
    for fault in faults:
        yield problem(fault, do=_DEPLOY)
    if not faults:
        yield ok(f"{machine['name']} is active")


def _faults_of(machine: dict[str, Any], stack: Examined) -> list[str]:
    faults = []
    if machine.get("status", "ACTIVE") != "ACTIVE":
        faults.append(f"the state machine is {machine['status']}")
    role = str(machine["roleArn"]).rpartition("/")[2]
    if role not in [resource.physical for resource in stack.of_kind("AWS::IAM::Role")]:
        faults.append(f"the state machine runs as {role}, which is no role of this stack")
    own = {resource.physical for resource in stack.of_kind("AWS::Lambda::Function")}
    called = re.findall(r":function:([\w-]+)", machine["definition"])
    if not called:
        faults.append("the state machine calls no function")
    faults += [
        f"the state machine calls {name}, which is no function of this stack"
        for name in sorted(set(called) - own)
    ]
    return faults
