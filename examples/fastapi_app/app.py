"""A web application that registers people: one at once, a list in the background, with progress and cancel.

    uvicorn --factory examples.fastapi_app.app:create_app --workers 4

Whoever signs up gets a link; an address that is there already gets none, since the link is that person's.
The keys are in the environment. All requests of a worker share one client; all workers share one token, in a file, and
with AIRMEET_REDIS and AIRMEET_RATE one token and one rate with all other programs that name the same Redis.
An import belongs to the worker that started it: with several workers, give imports to one application with one worker.
"""

import asyncio
import json
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Body, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from airmeet_async import (
    AirmeetClient,
    AirmeetError,
    Attendee,
    ConfigError,
    CredentialsError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
    RejectedError,
    calls,
)
from airmeet_async.bulk.job import BulkJob

_PATIENCE_S = 60  # of a visitor, for each call with its retries


class Person(BaseModel):
    """Somebody who signs up."""

    email: str
    first_name: str
    last_name: str
    answers: dict[str, str] = {}
    """By the id of the event's registration field; of one with options, the code of the option."""


class Import:
    """A list that is being registered in the background."""

    def __init__(self, job: BulkJob) -> None:
        self.job = job
        self.counts: Counter[str] = Counter()
        self.error: str | None = None
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            async with self.job:
                async for result in self.job:
                    self.counts[result.status] += 1
        except AirmeetError as error:
            self.error = str(error)

    def progress(self) -> dict[str, Any]:
        return {"total": self.job.total, "ended": self.task.done(), "error": self.error, **self.counts}

    async def events(self) -> AsyncIterator[str]:
        """Yield the progress each second, and once more at the end, as server-sent events."""
        while True:
            await asyncio.wait({self.task}, timeout=1)
            yield f"data: {json.dumps(self.progress())}\n\n"
            if self.task.done():
                return


def create_app(client: AirmeetClient | None = None) -> FastAPI:
    imports: dict[str, Import] = {}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, AirmeetClient]]:
        async with client or AirmeetClient(token_store=None if "AIRMEET_REDIS" in os.environ else "file") as airmeet:
            yield {"airmeet": airmeet}
            for one in imports.values():
                one.job.stop()  # what is under way ends; the others are not sent
            await asyncio.gather(*(one.task for one in imports.values()))

    app = FastAPI(lifespan=lifespan)

    @app.exception_handler(AirmeetError)
    async def explain(_: Request, error: Exception) -> JSONResponse:
        if isinstance(error, ConfigError | CredentialsError):  # ours to mend, and nothing for visitors to read
            logging.getLogger(__name__).error("%s", error)
            return JSONResponse({"detail": "this page is out of order"}, 500)
        is_unknown = isinstance(error, NotFoundError | PermissionDeniedError)
        is_refused = isinstance(error, InputError | RejectedError)
        return JSONResponse({"detail": str(error)}, 404 if is_unknown else 422 if is_refused else 503)

    @app.post("/events/{event}/people")
    async def register(event: str, person: Person, request: Request) -> dict[str, str]:
        # To add somebody again returns their link and lets in whoever was blocked, and Airmeet does not say whether
        # they were new. So it is asked first; two requests at the same moment may both find nobody.
        airmeet, email = request.state.airmeet, person.email.strip().lower()
        attendee = Attendee(email, person.first_name, person.last_name, custom_fields=person.answers)
        call = calls.add_attendee(event, attendee, send_email_invite=False, timeout=_PATIENCE_S)  # checks the person
        if await airmeet.participants.list(event, email_ids=[email], timeout=_PATIENCE_S):
            raise HTTPException(409, "this address is registered already")
        access = await airmeet.send(call)
        return {"entry_link": access.entry_link}

    @app.post("/events/{event}/imports", status_code=202)
    async def start(event: str, rows: Annotated[list[dict[str, str]], Body()], request: Request) -> dict[str, str]:
        job = request.state.airmeet.bulk.add_attendees(event, rows, send_email_invite=False)
        imports[job.id] = Import(job)
        return {"id": job.id}

    def find(name: str) -> Import:
        if name not in imports:
            raise HTTPException(404, f"no import {name}")
        return imports[name]

    @app.get("/imports/{name}/events")
    async def follow(name: str) -> StreamingResponse:
        return StreamingResponse(find(name).events(), media_type="text/event-stream")

    @app.delete("/imports/{name}", status_code=202)
    async def cancel(name: str) -> None:
        find(name).job.stop()

    return app
