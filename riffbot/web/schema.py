"""The page protocol, one half: every JSON value that the page's server sends to a browser.

Each is a `TypedDict`: mypy checks the functions that build it. What the server reads is in
`bodies.py`. `web/generate_types.py` writes both down as TypeScript, so that the page cannot drift
from the server. Binary WebSocket messages are in `protocol.py`.

Units: `_s` are seconds; `start`, `end` and `columns` of a spectrogram are columns of 10 ms.
Addresses (`page`, `files`, `events`) are relative to the page's base.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from riffbot.jam.phase import JamPhase
from riffbot.request import RiffRequest

Codec = Literal["opus", "pcm"]

RequestJson = Annotated[dict[str, Any], RiffRequest]
"""A `RiffRequest` as `model_dump(mode="json", exclude_none=True)` writes it."""


# -- errors, riffs, jobs ---------------------------------------------------------------------------
class ErrorResponse(TypedDict):
    """Every response with a status of 400 or more.

    Attributes:
        error: one sentence for people.
        offer: what works instead: `riff` is a single riff, where no jam can play.
    """

    error: str
    offer: NotRequired[Literal["riff"]]


class RiffFiles(TypedDict):
    """Addresses of a riff's files.

    Attributes:
        mp3: the sound.
        png: the spectrogram, without axes.
        picture: the plot.
        heard: the spectrogram of the whole sound, also where `png` is shorter (excerpts of jams).
        recipe: the request and the model as JSON.
    """

    mp3: str
    png: str
    picture: str
    heard: str
    recipe: str


class Riff(TypedDict):
    """One riff. It does not name its author.

    Attributes:
        picture_ref: what a request's `seed_image` says to start from this riff.
        alt: description of the plot for those who cannot see it.
        harmony: the key and the chords by name, for people; null where they are open.
        parent: id of the riff that it was made from.
        created: ISO 8601.
    """

    id: str
    request: RequestJson
    picture_ref: str
    alt: str
    harmony: str | None
    duration_s: float
    model: str
    model_hash: str
    parent: str | None
    created: str
    page: str
    files: RiffFiles


class RiffList(TypedDict):
    """`GET /api/riffs`.

    Attributes:
        riffs: the newest first.
        next: the `before` of the next page; null on the last one.
        closed: strangers may open this page, so riffs are not listed.
    """

    riffs: list[Riff]
    next: str | None
    closed: NotRequired[Literal[True]]


class RiffFamily(TypedDict):
    """`GET /api/riffs/<id>`: a riff, its ancestors (nearest first) and its remixes."""

    riff: Riff
    parents: list[Riff]
    children: list[Riff]


class JobStarted(TypedDict):
    """A riff is being made; `events` is the address of its Server-Sent Events (`JobEvents`)."""

    job: str
    events: str


class JobCancelled(TypedDict):
    """`DELETE /api/jobs/<job>`."""

    job: str


class QueuedEvent(TypedDict):
    """The job waits.

    Attributes:
        position: its place in the queue; 1 is next.
        eta_s: seconds until the picture is done; null before a speed was measured.
    """

    position: int
    eta_s: float | None


class StepEvent(TypedDict):
    """Denoising steps done and needed.

    Attributes:
        preview: the picture as it is now, half size, a data URL of a PNG; null between previews.
    """

    step: int
    steps: int
    eta_s: float | None
    preview: str | None


class DoneEvent(TypedDict):
    """The job is done; the last event."""

    riff: Riff


class FailedEvent(TypedDict):
    """The job failed or was cancelled; the last event."""

    error: str
    cancelled: NotRequired[bool]


class JobEvents(TypedDict):
    """Names of a job's Server-Sent Events and their data."""

    queued: QueuedEvent
    step: StepEvent
    done: DoneEvent
    failed: FailedEvent


# -- the model and the seed images -----------------------------------------------------------------
class ModelName(TypedDict):
    """The model's name, and its licence where its card says one."""

    name: str
    licence: str | None


class ModelState(ModelName):
    """The model and whether it is loaded."""

    state: str


class ModelDefaults(TypedDict, total=False):
    """Settings that the model prefers."""

    steps: int
    guidance: float
    scheduler: str
    width: int


class SeedImage(TypedDict):
    """A bundled seed image.

    Attributes:
        name: for a request's `seed_image`.
        label, words: for people.
    """

    name: str
    label: str
    bpm: float
    beats: int
    words: str


class Progression(TypedDict):
    """A common progression: what is shown, and the chords."""

    label: str
    chords: str


class ModelInfo(TypedDict):
    """What the model's card says."""

    model: ModelName
    defaults: ModelDefaults
    schedulers: list[str]
    knows_harmony: bool


class Info(TypedDict):
    """`GET /api/info`: what the forms need.

    Attributes:
        knows_harmony: whether the model is told keys and chords.
        keys: common keys, the most common first.
        progressions: common progressions, as chords.
    """

    model: ModelState
    defaults: ModelDefaults
    schedulers: list[str]
    knows_harmony: bool
    keys: list[str]
    progressions: list[Progression]
    seed_images: list[SeedImage]


# -- painting --------------------------------------------------------------------------------------
class BlankSheet(TypedDict):
    """`GET /api/sheet`: an empty spectrogram to draw on.

    Attributes:
        hz: pitch of every row, low notes first.
    """

    columns: int
    seconds: float
    hz: list[float]


class RiffSheet(TypedDict):
    """`GET /api/riffs/<id>/sheet`: a part of a riff's spectrogram to paint on.

    Attributes:
        picture: a data URL of a PNG, 512 high, `columns` wide.
        begins: second of the riff that it begins at.
        whole: length of the riff's whole spectrogram in seconds.
        meter: beats a measure.
        hz: pitch of every row, low notes first.
    """

    picture: str
    columns: int
    seconds: float
    begins: float
    whole: float
    bpm: float | None
    meter: int
    hz: list[float]


# -- jams ------------------------------------------------------------------------------------------
class PromptShare(TypedDict):
    """A prompt on the ballot: its share of all votes (0 … 1) and how many listeners chose it."""

    prompt: str
    share: float
    votes: int


class JamStatus(TypedDict):
    """A jam as the page shows it. It names no listener.

    Attributes:
        playing: the prompt that is heard.
        coming: the prompt that it moves to; null while it stays.
        chunk: changes when another chunk is heard.
        played_s: seconds heard since the jam began.
        buffer_s: seconds that are made and not yet heard.
        underruns: packets of 20 ms that were not ready in time.
        late_chunks: how often the last bar had to loop.
        real_time_factor: seconds of sound made in a second; null before it was measured.
        private: started on the page, so it belongs to no server.
        beats: of the whole loop.
        alpha: how far the chunk is from one prompt to the next, 0 … 1.
        harmony: the key and the chords that it keeps, for people; null where it keeps none.
        error: why the jam ended by itself.
        head: the sample, at 48 kHz, that is sent next.
    """

    id: str
    state: JamPhase
    playing: str
    coming: str | None
    shares: list[PromptShare]
    seed_image: str
    bpm: float
    denoising: float
    seed: int
    chunk: str
    played_s: float
    buffer_s: float
    underruns: int
    late_chunks: int
    real_time_factor: float | None
    listeners: int
    private: bool
    beats: int
    alpha: float
    harmony: str | None
    error: str | None
    head: int


class JamResponse(TypedDict):
    """A jam that was asked for, started or changed."""

    jam: JamStatus


class JamList(TypedDict):
    """`GET /api/jams`; empty for strangers."""

    jams: list[JamStatus]


class JamStopped(TypedDict):
    """`DELETE /api/jams/<id>`."""

    id: str


class RecordingLength(TypedDict):
    """`GET /api/jams/<id>/recording`: seconds that can be downloaded, and how many at most."""

    seconds: float
    limit: float


class RiffKept(TypedDict):
    """`POST /api/jams/<id>/keep`: the riff that the last seconds became."""

    riff: Riff


class LoopGrid(TypedDict):
    """A jam's loop: its width in columns, its beats, and `measure`, the beats of a measure."""

    width: int
    beats: int
    measure: int


class HelloMessage(TypedDict):
    """The first text message of a jam's WebSocket.

    Attributes:
        sample_rate: Hz; all samples are counted at this rate.
        pre_skip: samples that a decoder's sound lags behind its packet's place.
        packet_samples: samples of a packet.
        column_samples: samples of a column.
        bands: rows of a tile.
    """

    type: Literal["hello"]
    codec: Codec
    sample_rate: int
    pre_skip: int
    packet_samples: int
    column_samples: int
    bands: int
    meter: LoopGrid


class TimelineEntry(TypedDict):
    """A chunk of a jam and the columns that it is heard from and to.

    Attributes:
        alpha: how far it is from `prompt` to `towards`, 0 … 1.
    """

    start: int
    end: int
    prompt: str
    seed: int
    denoising: float
    guidance: float | None
    alpha: float
    towards: str | None


class StatusMessage(JamStatus):
    """A text message of a jam's WebSocket, sent when something changes and every two seconds.

    Attributes:
        timeline: the last chunks that were heard and the planned ones, in order.
    """

    type: Literal["status"]
    timeline: list[TimelineEntry]


# -- the Discord Activity --------------------------------------------------------------------------
class ActivityInfo(TypedDict):
    """`GET /api/activity`: the application's id."""

    client_id: str


class ActivityToken(TypedDict):
    """`POST /api/activity/token`.

    Attributes:
        access_token: for the embedded app SDK.
        jam: id of the jam that plays in the Activity's voice channel.
    """

    access_token: str
    jam: str | None
