"""How the image says it wants to run: not as root, and with no secrets in its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from sealmark.decision import Because, Remedy
from sealmark.policy.control import About, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.evidence.document import Evidence
    from sealmark.policy.control import Context


class NotRoot:
    """The image's default user is not root."""

    about: ClassVar[About] = About(
        id="not-root",
        title="The image does not run as root",
        rationale="Root in the container is one kernel bug or one mount away from root outside.",
        remedy="Add a numeric USER to the Dockerfile, for example `USER 65532:65532`.",
    )

    def judge(self, evidence: Evidence, context: Context) -> Iterator[Finding]:
        """Yield a denial for root, an unknown for a user that cannot be looked up."""
        settings = evidence.settings
        if settings is None or settings.runs_as_root is False:
            return
        remedy = Remedy(
            kind="configure", text="set `USER 65532:65532` in the Dockerfile", target="USER"
        )
        because = (Because(path="settings.user", value=settings.user),)
        if settings.runs_as_root is None:
            why = "it is no uid, and no name with one in /etc/passwd"
            message = f"whether user {settings.user!r} is root is not known: {why}"
            yield Finding(effect="unknown", message=message, because=because, remedy=remedy)
        else:
            said = f"user {settings.user!r}" if settings.user else "no user is set"
            message = f"the image runs as root ({said})"
            yield Finding(
                effect="deny",
                message=message,
                subject_id="USER",
                because=because,
                remedy=remedy,
            )


class NoSecretsInConfiguration:
    """Whoever can pull an image can read its configuration."""

    about: ClassVar[About] = About(
        id="no-secrets-in-configuration",
        title="No secret in the image configuration",
        rationale="Environment variables and labels of an image are public to all who can pull it.",
        remedy="Hand secrets over at run time (mounted file or secret store), and rotate this one.",
    )

    def judge(self, evidence: Evidence, context: Context) -> Iterator[Finding]:
        """Yield a denial per credential; the value was never kept."""
        settings = evidence.settings
        for index, secret in enumerate(settings.secrets if settings else ()):
            yield Finding(
                effect="deny",
                message=f"{secret.where} holds what looks like a secret: {secret.kind}",
                subject_id=secret.where,
                because=(Because(path=f"settings.secrets[{index}].kind", value=secret.kind),),
                remedy=Remedy(
                    kind="configure",
                    text=f"remove {secret.where} from the image and rotate the secret",
                    target=secret.where,
                ),
            )
