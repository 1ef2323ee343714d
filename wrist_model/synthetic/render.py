"""From anatomy to a picture: thickness of bone and flesh along the ray, then exposure, noise and the film's borders.

Drawn at half the size of the file and enlarged; only noise and markers are drawn at full size. Every random number
of the picture comes from `Scene`'s own stream; a fracture has a stream of its own, and no number of the first depends
on whether there is one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from wrist_model.synthetic import anatomy
from wrist_model.synthetic.coordinates import Frame
from wrist_model.synthetic.fracture import Break, Fracture, displaced

LONGEST = 512  # pixels of the file's longest side, as in MURA
REDUCTION = 2  # how much smaller the anatomy is drawn


@dataclass(frozen=True)
class Scene:
    """What a picture shows, apart from the fracture.

    seeds of independent streams: `person` (shared by a patient's pictures) and `picture`. mirror: a left wrist.
    """

    person: int
    picture: int
    view: str  # "PA", "LAT" or "OBL"
    mirror: bool
    plate: bool = False
    cast: bool = False
    physis: bool = False


@dataclass(frozen=True)
class Place:
    """Where a fracture is: centre and half extent of the broken part, in pixels of the file."""

    bone: str
    x: float
    y: float
    radius: float


def picture(scene: Scene, fracture: Fracture | None) -> tuple[np.ndarray, tuple[Place, ...]]:
    """Draw one radiograph: float32 (height, width) in [0, 1], bone bright, and where it is broken."""
    rng = np.random.default_rng(scene.picture)
    height, width, frame = _framing(rng, scene)
    shape = (height // REDUCTION, width // REDUCTION)
    bones = anatomy.wrist(np.random.default_rng((scene.person, scene.view == "LAT")), scene.view)
    arm, hand = anatomy.flesh(np.random.default_rng((scene.person, 7)), scene.view)
    if scene.view == "OBL":
        bones = tuple(_oblique(bone) for bone in bones)
        arm, hand = arm * (0.9, 1.0), hand * (0.9, 1.0)
    bend = float(rng.normal(0, 8))
    breaks = fracture.breaks(scene.view) if fracture else ()
    carpus = (float(rng.normal(0, 0.05)), float(rng.normal(0, 0.03)))  # how the hand stands to the forearm: broken
    loose = (float(rng.normal(0, 0.07)), 0.0)  # or not, its bones and its flesh lie alike
    texture = _grain(rng, shape)
    bone_map = np.zeros(shape, np.float32)
    places = []
    for bone in bones:
        outline = bone.outline
        if bone.group == "hand":
            outline = anatomy.about(outline, bend, (0.1, -0.1), carpus)
        layer = _thickness(frame.to_pixels(outline), bone, frame.scale, shape, texture)
        if scene.physis and bone.group != "hand":
            layer = _growth_plate(layer, frame, bone)
        for crack in breaks:
            if crack.bone == bone.name:
                layer, centre = displaced(layer, crack, frame)
                places.append(_place(crack, centre, frame))
        bone_map += layer * bone.density
    flesh_map = _flesh(rng, frame, (arm, anatomy.about(hand, bend, (0.1, -0.1), loose)), shape)
    film = flesh_map * rng.uniform(0.26, 0.40) + bone_map * rng.uniform(0.58, 0.80)
    if scene.cast:
        film += _cast(rng, frame, arm, shape)
    if scene.plate:
        film = _plate(rng, film, frame, scene.view)
    film = ndimage.gaussian_filter(film, 0.55)
    full = Image.fromarray(film).resize((width, height), Image.Resampling.BICUBIC)
    return _exposed(rng, np.asarray(full), scene), tuple(places)


def _framing(rng: np.random.Generator, scene: Scene) -> tuple[int, int, Frame]:
    width = int(rng.choice((352, 384, 416, 448, 480)))
    scale = LONGEST * rng.uniform(0.250, 0.285) / REDUCTION
    turn = np.radians(rng.normal(0, 7))
    c, s = np.cos(turn), np.sin(turn)
    flip = -1.0 if scene.mirror else 1.0
    matrix = scale * np.array(((c * flip, -s), (s * flip, c)))
    middle = (0.5 + rng.normal(0, 0.06), 0.37 + rng.normal(0, 0.06))
    origin = np.array((middle[0] * width, middle[1] * LONGEST)) / REDUCTION
    return LONGEST, width, Frame(matrix, origin, scale)


def _oblique(bone: anatomy.Bone) -> anatomy.Bone:
    return anatomy.Bone(
        bone.name, bone.outline * (0.84, 1.0) + (0.04, 0.0), bone.half_width, bone.cortex, bone.density, bone.group
    )


def _mask(points: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, tuple[slice, slice]]:
    """The filled outline within its bounding box: bool, and where the box lies (clipped to the picture)."""
    low = np.floor(points.min(0)).astype(int) - 2
    high = np.ceil(points.max(0)).astype(int) + 3
    low, high = np.maximum(low, -8), np.minimum(high, (shape[1] + 8, shape[0] + 8))
    size = np.maximum(high - low, 1)
    image = Image.new("L", (int(size[0]), int(size[1])))
    ImageDraw.Draw(image).polygon([tuple(p) for p in (points - low)], fill=1)
    return np.asarray(image, bool), (slice(low[1], low[1] + size[1]), slice(low[0], low[0] + size[0]))


def _pasted(part: np.ndarray, box: tuple[slice, slice], shape: tuple[int, int]) -> np.ndarray:
    whole = np.zeros(shape, np.float32)
    top, left = max(box[0].start, 0), max(box[1].start, 0)
    bottom, right = min(box[0].stop, shape[0]), min(box[1].stop, shape[1])
    if bottom > top and right > left:
        rows = slice(top - box[0].start, bottom - box[0].start)
        columns = slice(left - box[1].start, right - box[1].start)
        whole[top:bottom, left:right] = part[rows, columns]
    return whole


def _dome(depth: np.ndarray, radius: float) -> np.ndarray:
    """Chord through a tube of that radius at a depth below its edge, in radii: 0 at the edge, 1 in the middle."""
    return np.sqrt(np.clip(1 - (1 - np.clip(depth / radius, 0, 1)) ** 2, 0, 1))


def _thickness(
    points: np.ndarray, bone: anatomy.Bone, scale: float, shape: tuple[int, int], texture: np.ndarray
) -> np.ndarray:
    """Bone along the ray: a tube of cortex around marrow, so that the edges are bright and the middle is darker."""
    mask, box = _mask(points, shape)
    depth = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1].astype(np.float32)
    radius, cortex = bone.half_width * scale, bone.cortex * scale
    if bone.group != "hand":  # the shaft's cortex is thick, the end's is thin: the wider the bone, the thinner
        widest = ndimage.maximum_filter(depth, size=(1, int(4 * radius) | 1))
        cortex = cortex * np.clip(2.0 - 1.25 * widest / radius, 0.42, 1.15)
    marrow = _dome(depth - cortex, radius) * (depth > cortex)
    solid = _dome(depth, radius) * (0.35 + 0.65 * mask)
    layer = _pasted((solid - (0.50 if bone.group == "hand" else 0.66) * marrow) * mask, box, shape)
    inside = _pasted(marrow.astype(np.float32), box, shape)
    return layer + 0.085 * texture * inside


def _grain(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Trabeculae: noise, finer across the arm than along it; about unit variance."""
    noise = rng.standard_normal(shape, np.float32)
    streaks = ndimage.gaussian_filter(noise, (1.6, 0.7)) - ndimage.gaussian_filter(noise, (4.0, 3.0))
    return streaks / streaks.std()


def _growth_plate(layer: np.ndarray, frame: Frame, bone: anatomy.Bone) -> np.ndarray:
    """A physeal line: thin, smooth, across the whole bone, close to the joint; harmless, and in both classes."""
    x, y = frame.grid(layer.shape)
    line = y - 0.27 - 0.02 * np.sin(9 * x)
    return layer * (1 - 0.50 * np.exp(-((line / 0.022) ** 2)) + 0.16 * np.exp(-(((np.abs(line) - 0.06) / 0.03) ** 2)))


def _place(crack: Break, centre: tuple[float, float], frame: Frame) -> Place:
    x, y = frame.to_pixels(np.array(centre)[None])[0]
    radius = crack.extent * frame.scale * REDUCTION
    return Place(crack.bone, float(x) * REDUCTION, float(y) * REDUCTION, float(radius))


def _flesh(
    rng: np.random.Generator, frame: Frame, outlines: tuple[np.ndarray, ...], shape: tuple[int, int]
) -> np.ndarray:
    image = Image.new("L", (shape[1], shape[0]))
    for outline in outlines:
        ImageDraw.Draw(image).polygon([tuple(p) for p in frame.to_pixels(outline)], fill=1)
    depth = ndimage.distance_transform_edt(np.pad(np.asarray(image, bool), 1, mode="edge"))[1:-1, 1:-1]
    muscle = ndimage.zoom(rng.standard_normal((8, 5)), (shape[0] / 8, shape[1] / 5), order=1)
    muscle = ndimage.gaussian_filter(muscle.astype(np.float32), 6)
    return ndimage.gaussian_filter(_dome(depth.astype(np.float32), 0.9 * frame.scale), 1.5) * (1 + 0.07 * muscle)


def _cast(rng: np.random.Generator, frame: Frame, arm: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    wide = anatomy.smooth(arm * (1.16, 1.0))
    mask, box = _mask(frame.to_pixels(wide), shape)
    depth = ndimage.distance_transform_edt(mask)
    shell = _pasted(((depth > 0) * (0.10 + 0.16 * np.exp(-depth / 4))).astype(np.float32), box, shape)
    mottle = ndimage.gaussian_filter(rng.standard_normal(shape, np.float32), 4)
    return shell * (1 + 0.35 * mottle / mottle.std())


def _plate(rng: np.random.Generator, film: np.ndarray, frame: Frame, view: str) -> np.ndarray:
    """Plate and screws on the radius: metal is brighter than any bone."""
    low, high = rng.uniform(0.15, 0.3), rng.uniform(1.7, 2.4)
    image = Image.new("L", (film.shape[1] * 2, film.shape[0] * 2))
    draw = ImageDraw.Draw(image)

    def rod(x0: float, y0: float, x1: float, y1: float, half: float) -> None:
        start, end = np.array((x0, y0)), np.array((x1, y1))
        across = (end - start)[::-1] * (-1, 1) / np.linalg.norm(end - start) * half
        corners = np.array((start - across, start + across, end + across, end - across))
        draw.polygon([tuple(p) for p in frame.to_pixels(corners) * 2], fill=255)

    side = view == "LAT"
    x = 0.34 if side else 0.24
    rod(x, low, x, high, 0.035 if side else 0.085)
    if not side:
        rod(x - 0.22, low, x + 0.24, low - 0.03, 0.07)
    for y in np.arange(low + 0.05, high, 0.27):
        if side:
            rod(x, y, x - 0.55, y + 0.02, 0.028)
        else:
            rod(x - 0.06, y, x + 0.06, y, 0.10)
    metal = np.asarray(image.resize((film.shape[1], film.shape[0]), Image.Resampling.BOX), np.float32) / 255
    return np.maximum(film, film * (1 - metal) + metal * 1.25)


def _exposed(rng: np.random.Generator, film: np.ndarray, scene: Scene) -> np.ndarray:
    """Exposure, contrast, falling beam, noise, collimation and the side marker; float32 in [0, 1]."""
    height, width = film.shape
    gain, floor, gamma = rng.uniform(0.66, 0.95), rng.uniform(0.02, 0.10), rng.uniform(0.75, 1.15)
    y, x = _rows_and_columns(height, width)
    slope = rng.normal(0, 0.06, 2)
    beam = 1 + slope[0] * (x / width - 0.5) + slope[1] * (y / height - 0.5)
    image = np.clip(floor + gain * film * beam, 0, 1.2) ** gamma
    noise = rng.standard_normal(film.shape, np.float32)
    noise = 0.55 * noise + 1.1 * ndimage.gaussian_filter(noise, 0.8)
    image = image + noise * rng.uniform(0.008, 0.020)
    image = _marked(rng, image, scene)
    if rng.random() < 0.7:
        image = _collimated(rng, image)
    return np.clip(image, 0, 1).astype(np.float32)


def _marked(rng: np.random.Generator, image: np.ndarray, scene: Scene) -> np.ndarray:
    draws = rng.random(4)
    if draws[0] > 0.8:
        return image
    height, width = image.shape
    letter = "L" if scene.mirror else "R"
    size = int(20 + 16 * draws[1])
    stamp = Image.new("L", (size, size))
    ImageDraw.Draw(stamp).text((size * 0.18, -size * 0.1), letter, fill=255, font=ImageFont.load_default(size))
    if draws[2] < 0.3:
        ImageDraw.Draw(stamp).rectangle((0, 0, size - 1, size - 1), outline=200, width=2)
    top = int((0.06 + 0.2 * draws[3]) * height) if draws[2] < 0.6 else int((0.75 + 0.15 * draws[3]) * height)
    left = int(0.05 * width) if draws[1] < 0.5 else int(0.93 * width) - size
    out = image.copy()
    part = out[top : top + size, left : left + size]
    np.maximum(part, np.asarray(stamp, np.float32)[: part.shape[0], : part.shape[1]] / 255 * 0.80, out=part)
    return out


def _collimated(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Shutters: black outside a slightly turned rectangle."""
    height, width = image.shape
    y, x = _rows_and_columns(height, width)
    turn = np.radians(rng.normal(0, 1.5))
    u = (x - width / 2) * np.cos(turn) + (y - height / 2) * np.sin(turn)
    v = (y - height / 2) * np.cos(turn) - (x - width / 2) * np.sin(turn)
    left, right, top, bottom = rng.uniform(0.0, 0.055, 4)
    inside = np.minimum(u + width * (0.5 - left), width * (0.5 - right) - u)
    for edge in (v + height * (0.5 - top), height * (0.5 - bottom) - v):
        np.minimum(inside, edge, out=inside)
    return image * np.clip(inside / 2 + 0.5, 0.0, 1.0)


def _rows_and_columns(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """float32 (height, 1) and (1, width): what depends on both is made of what depends on one."""
    return np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]
