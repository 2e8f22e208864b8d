"""Colours that stay apart for colour-blind readers and in print."""

from __future__ import annotations

INK = "#1d2733"
MUTED = "#5b6673"
RULE = "#d5dbe1"
PAPER = "#ffffff"
BLACK = "#000000"
# The luminance at which black and white text have the same contrast, 4.6.
EQUAL_CONTRAST = 0.179
# Lightness alone orders the steps, so they also survive a black-and-white printer.
_LIGHT, _DARK = (238, 243, 248), (12, 64, 112)
# Blue and brown stay apart for colour-blind readers; both get darker with the distance.
_ABOVE, _BELOW = (0, 84, 150), (140, 82, 0)
_FARTHEST = 2.0
# Okabe and Ito's palette, without yellow (too pale on paper) and with the order chosen for neighbours.
CATEGORIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#8c5a00", "#4d4d4d", "#e69f00")


def category(at: int) -> str:
    """The colour of the at-th group; they repeat after eight."""
    return CATEGORIES[at % len(CATEGORIES)]


def heat(share: float) -> str:
    """A step between light (0) and dark (1) blue."""
    part = min(max(share, 0.0), 1.0)
    return _hex(tuple(low + (high - low) * part for low, high in zip(_LIGHT, _DARK, strict=True)))


def diverging(z: float) -> str:
    """Paper at 0, towards blue above and brown below; full from two standard deviations on."""
    part = min(abs(z) / _FARTHEST, 1.0)
    return _hex(tuple(255 + (end - 255) * part for end in (_ABOVE if z > 0 else _BELOW)))


def pale(colour: str) -> str:
    """A tint of a colour, light enough to tell it from the full one."""
    return _hex(tuple(255 - (255 - channel) * 0.3 for channel in _channels(colour)))


def text_on(colour: str) -> str:
    """Black or paper, whichever has more contrast on a colour (relative luminance of WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in _channels(colour))]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return BLACK if luminance > EQUAL_CONTRAST else PAPER


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def _hex(channels: tuple[float, ...]) -> str:
    return "#" + "".join(f"{round(channel):02x}" for channel in channels)
