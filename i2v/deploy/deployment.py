"""One deployment, step by step; each may be interrupted, and a second run goes on from there."""

from dataclasses import dataclass, field

import typer
from rich.console import Console
from rich.markup import escape

from i2v import a2e_token
from i2v.deploy import local, sam, stacks, values
from i2v.deploy.account import Account, Identity, check_stack_name
from i2v.deploy.errors import reason
from i2v.deploy.parameters import defaults, faults, project_template
from i2v.deployment import PROJECT, STACK_NAME
from i2v.errors import CommandError
from i2v.revision import revision_of
from i2v.stack import check_a2e

_console = Console(stderr=True, highlight=False)
_DONE = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    config_env: str = "default"
    stack_name: str | None = None
    region: str | None = None
    profile: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    yes: bool = False
    asks: bool = False
    token_later: bool = False
    delete_failed: bool = False
    local: bool = False


class Deployment:
    """Checks, questions, change set, deployment, token. Raises `CommandError`, in one sentence."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._section = sam.section(options.config_env)
        self._running = a2e_token.local_stack() if options.local else {}
        named = local.TRIAL_STACK if options.local else self._section.stack_name or STACK_NAME
        self._name = options.stack_name or named
        check_stack_name(self._name)
        self._template = project_template()
        self._account = Account(
            region=options.region or self._section.region,
            profile=options.profile,
            endpoint_url=self._running.get("aws_endpoint_url"),
        )
        self._state = "Nothing was changed; run this again whenever you like."

    def run(self) -> None:
        """Deploy; an interrupt says what state things are in."""
        try:
            self._run()
        except KeyboardInterrupt:
            _say(self._state)
            raise

    def _run(self) -> None:
        identity = self._account.identity()
        if not self._options.local:
            self._account.check_region(identity.region)
            if warning := self._account.concurrency_warning():
                _say(f"[yellow]note:[/yellow] {escape(warning)}")
        stack = self._usable(stacks.find(self._account, self._name))
        parameters = self._parameters(stack)
        token = self._token(stack, parameters)
        before = {} if stack is None else stack.parameters
        arn = self._change_set(stack, values.changed(self._template, before, parameters), identity)
        changes = None if arn is None else stacks.changes(self._account, arn, self._name)
        self._show(identity, stack, parameters, changes)
        if changes is not None and changes.lines():
            self._confirm(changes.arn, stack)
            stack = self._execute(changes.arn)
        else:
            _say("Nothing would change; the stack is up to date.")
        if stack is None or stack.is_new:
            raise CommandError("CloudFormation made no stack; run this again.")
        self._finish(stack, token)

    # ------------------------------------------------------------------ before anything is created

    def _usable(self, stack: stacks.Stack | None) -> stacks.Stack | None:
        if stack is not None and stack.is_half_made:
            why = stacks.first_failure(self._account, self._name)
            question = (
                f"The first deployment of {self._name} failed{f' ({why})' if why else ''}. Delete"
                " what it left?"
            )
            if self._options.delete_failed or (
                self._options.asks and typer.confirm(question, err=True)
            ):
                _say(f"Deleting {self._name} ...")
                self._state = "The stack is being deleted; run this again when it is gone."
                stacks.delete(self._account, self._name)
                return None
        if stack is not None:
            stacks.check_can_change(self._account, stack)
        return stack

    def _parameters(self, stack: stacks.Stack | None) -> dict[str, str]:
        previous = {} if stack is None else stack.parameters
        configured = local.parameters(self._running) if self._options.local else {}
        configured |= self._section.parameters
        found = values.known(self._template, previous, configured, self._options.parameters)
        if "SetApiGatewayLogRole" not in found and not self._options.local:
            found["SetApiGatewayLogRole"] = self._sets_log_role()
        self._check(found)
        if self._options.asks and not self._options.yes:
            found |= values.asked(self._template, found, _ask)
            self._check(found)
        # Of all values, so that a second run with the same ones changes nothing.
        return found | {"Revision": revision_of(PROJECT, defaults(self._template) | found)}

    def _check(self, parameters: dict[str, str]) -> None:
        if found := faults(self._template, parameters):
            raise CommandError(" ".join(found))

    def _sets_log_role(self) -> str:
        if self._account.has_log_role():
            return "false"
        question = (
            "API Gateway has no role for logs in this account and region, and this stack's API"
            " needs one. Create it for all APIs of the account? It outlives the stack."
        )
        if (
            self._options.asks
            and not self._options.yes
            and not typer.confirm(question, default=True, err=True)
        ):
            raise CommandError(
                "Give API Gateway a role for logs (console: API Gateway, Settings), then run this"
                " again."
            )
        _say("This sets the role with which API Gateway writes the logs of this account's APIs.")
        return "true"

    def _token(self, stack: stacks.Stack | None, parameters: dict[str, str]) -> str | None:
        """A token to put; None where the stack has one, or is to get it later."""
        secret = stack.outputs.get("A2ETokenSecretArn") if stack is not None else None
        if secret is not None and a2e_token.current(self._account, secret) is not None:
            return None
        if self._options.local and (token := local.simulated_token(self._running)):
            return token
        if self._options.token_later:
            return None
        token = a2e_token.given_token(ask=self._options.asks)
        if token is None:
            raise CommandError(
                "A token for A2E is missing; set A2E_TOKEN, or deploy without it: --token-later."
            )
        coins = check_a2e(parameters.get("A2EUrl", "https://video.a2e.ai"), token)
        _say(f"A2E accepts the token{a2e_token.balance(coins)}.")
        return token

    # ------------------------------------------------------------------ the change set

    def _change_set(
        self, stack: stacks.Stack | None, parameters: dict[str, str], identity: Identity
    ) -> str | None:
        if self._options.local:
            before = {} if stack is None else stack.parameters
            kept = {k: v for k, v in before.items() if k in self._template["Parameters"]}
            url = self._running["aws_endpoint_url"]
            return local.make_change_set(url, stack, self._name, **(kept | parameters))
        sam.build(self._options.config_env, _say)
        self._state = "A change set may be there, but nothing was deployed; a second run goes on."
        target = sam.Target(
            self._options.config_env, self._name, identity.region, self._options.profile
        )
        return sam.make_change_set(target, parameters, _say)

    def _show(
        self,
        identity: Identity,
        stack: stacks.Stack | None,
        parameters: dict[str, str],
        changes: stacks.Changes | None,
    ) -> None:
        is_first = stack is None or stack.is_new
        _say(f"  account   {identity.account}, as {escape(identity.arn)}")
        _say(f"  region    {identity.region}")
        _say(f"  stack     {self._name}, {'new' if is_first else 'which exists'}")
        before = {} if stack is None else stack.parameters
        for name, value in sorted(values.changed(self._template, before, parameters).items()):
            shown = escape(value) if value else "(empty: the release's value, or none)"
            _say(f"  sets      {name} = {shown}")
        for line in changes.lines() if changes else []:
            _say(f"  {line}")
        if changes and any(kind.endswith(("Table", "Bucket")) for _, kind in changes.replaced):
            _say("[red]A table or bucket is replaced: the old one stays, the new one is empty.[/]")

    def _confirm(self, arn: str, stack: stacks.Stack | None) -> None:
        if self._options.yes or not self._section.confirms:
            return
        if self._options.asks and typer.confirm("Deploy this?", err=True):
            return
        call = self._account.call
        call("cloudformation", "delete_change_set", ChangeSetName=arn, StackName=self._name)
        if stack is None or stack.is_new:
            # A stack of nothing but a change set.
            call("cloudformation", "delete_stack", StackName=self._name)
        hint = "" if self._options.asks else "; to deploy it without a question: --yes"
        raise CommandError(f"Nothing was changed{hint}.")

    def _execute(self, arn: str) -> stacks.Stack:
        self._state = (
            "CloudFormation goes on by itself; run this again when the stack is no longer being"
            " changed, and it goes on from there."
        )
        self._account.call(
            "cloudformation", "execute_change_set", ChangeSetName=arn, StackName=self._name
        )
        _say("Deploying; a first time takes some five minutes ...")
        stack = stacks.settle(self._account, self._name)
        if stack is None or stack.status not in _DONE:
            why = stacks.first_failure(self._account, self._name)
            raise CommandError(
                f"The deployment failed and CloudFormation undid it. {reason(why) or why}"
            )
        return stack

    # ------------------------------------------------------------------ afterwards

    def _finish(self, stack: stacks.Stack, token: str | None) -> None:
        self._state = "The stack is deployed; run this again for what is left (token, protection)."
        if token is not None:
            a2e_token.put(self._account, stack.outputs["A2ETokenSecretArn"], token)
        self._account.call(
            "cloudformation",
            "update_termination_protection",
            StackName=self._name,
            EnableTerminationProtection=True,
        )
        # Not in the template: the rollback of a first deployment that fails could not remove them.
        for table in ("TasksTableName", "TokensTableName"):
            self._account.call(
                "dynamodb",
                "update_table",
                TableName=stack.outputs[table],
                DeletionProtectionEnabled=True,
            )
        if self._options.local:
            local.finish(stack, self._running)
        _say(f"[green]{self._name} is deployed.[/green]")
        for name in ("ApiUrl", "ImagesBucketName", "VideosBucketName", "TaskEventsTopicArn"):
            _say(f"  {name:<19} {escape(stack.outputs[name])}")
        if stack.parameters.get("AlarmEmail"):
            _say("  Confirm the mail that AWS sends now, or alarms reach nobody.")
        if token is None and self._options.token_later:
            _say(f"Tasks wait for a token: .venv/bin/i2v a2e-token set{self._flags()}")
        _say(f"Next: .venv/bin/i2v token create --owner anna{self._flags()}")
        _say(f"      .venv/bin/i2v doctor --run{self._flags()}")

    def _flags(self) -> str:
        named = f" --stack-name {self._name}" if self._name != STACK_NAME else ""
        return f"{named} --local" if self._options.local else named


def _say(text: str) -> None:
    _console.print(text, soft_wrap=True)


def _ask(question: str, default: str) -> str:
    answer: str = typer.prompt(question, default=default, err=True)
    return answer.strip()
