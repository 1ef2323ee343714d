"""A training's loss and accuracy as a page of its Prefect run: one artifact, drawn anew after each epoch."""

from __future__ import annotations

import base64
import logging
from uuid import UUID

from tasks.runtime.artifacts import shrunk
from tasks.runtime.progress import in_a_run
from wrist_model.records import Epoch


class Curves:
    """Each added epoch updates the run's page. An API that doesn't answer ends the page, not the work."""

    def __init__(self, architecture: str, replicate: int | None = None) -> None:
        self.architecture, self.replicate = architecture, replicate
        self.history: list[Epoch] = []
        self.id: UUID | None = None
        self.ended = not in_a_run()

    def add(self, epoch: Epoch) -> None:
        """Draw the curves up to and with this epoch."""
        self.history.append(epoch)
        if self.ended:
            return
        try:
            self._send(self._page())
        except Exception as error:
            self.ended = True
            logging.getLogger("prefect.wrist").warning("The page of curves ends here: %s", error)

    def _page(self) -> str:
        from wrist_model.report import figures

        picture = shrunk(figures.png(figures.epochs(self.architecture, self.history)), 720, colours=16)
        last = self.history[-1]
        return (
            f"Epoch {last.epoch}: loss {last.loss:.3f}, validation loss {last.val_loss:.3f}, "
            f"accuracy {last.accuracy:.3f}, validation accuracy {last.val_accuracy:.3f}.\n\n"
            f"![curves](data:image/png;base64,{base64.b64encode(picture).decode()})\n"
        )

    def _send(self, text: str) -> None:
        from prefect.artifacts import create_markdown_artifact
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.actions import ArtifactUpdate

        if self.id is None:
            key = f"curves-{self.architecture}" + (f"-replicate-{self.replicate}" if self.replicate else "")
            made = create_markdown_artifact(text, key=key, description="loss and accuracy")
            self.id = UUID(str(made))
        else:
            with get_client(sync_client=True) as client:
                client.update_artifact(self.id, ArtifactUpdate(data=text))
