"""What stands in the place of a live model where nothing may leave the machine."""

from dataclasses import dataclass

from parity_eval.errors import ConfigError
from parity_eval.records import Answer, Call, ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline:
    """Answer nothing. It holds no client, so that there is nothing to connect with."""

    spec: ModelSpec
    """The model that would have been asked."""

    def check(self) -> None:
        """Find nothing: answers that are there already may be all that the run needs."""

    async def complete(self, call: Call) -> Answer:  # noqa: ARG002 - whatever it is
        """Refuse the call.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(f"--offline, but {self.spec.name!r} would be asked over the network")

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""
