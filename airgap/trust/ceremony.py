"""The challenge of a ceremony: a person types groups of a fingerprint that the screen does not show.

The tool picks five of the sixteen groups of four digits, hides them and asks for them: 80 bits at unpredictable places.
So a forged certificate with the same end of the fingerprint (32 bits are easy) does not help, and a person cannot copy
the answer from the screen without calling the sender.

The words are those of the PGP word list (Juola and Zimmermann, 1995): bytes at even places become words of two
syllables, bytes at odd places words of three, so that a word that is dropped, doubled or swapped is noticed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from airgap.errors import UsageError

EVEN: Final = tuple(
    """
    aardvark absurd accrue acme adrift adult afflict ahead aimless Algol allow alone ammo ancient apple artist
    assume Athens atlas Aztec baboon backfield backward banjo beaming bedlamp beehive beeswax befriend Belfast berserk
    billiard bison blackjack blockade blowtorch bluebird bombast bookshelf brackish breadline breakup brickyard
    briefcase Burbank button buzzard cement chairlift chatter checkup chisel choking chopper Christmas clamshell
    classic classroom cleanup clockwork cobra commence concert cowbell crackdown cranky crowfoot crucial crumpled
    crusade cubic dashboard deadbolt deckhand dogsled dragnet drainage dreadful drifter dropper drumbeat drunken
    Dupont dwelling eating edict egghead eightball endorse endow enlist erase escape exceed eyeglass eyetooth facial
    fallout flagpole flatfoot flytrap fracture framework freedom frighten gazelle Geiger glitter glucose goggles
    goldfish gremlin guidance hamlet highchair hockey indoors indulge inverse involve island jawbone keyboard kickoff
    kiwi klaxon locale lockup merit minnow miser Mohawk mural music necklace Neptune newborn nightbird Oakland obtuse
    offload optic orca payday peachy pheasant physique playhouse Pluto preclude prefer preshrunk printer prowler pupil
    puppy python quadrant quiver quota ragtime ratchet rebirth reform regain reindeer rematch repay retouch revenge
    reward rhythm ribcage ringbolt robust rocker ruffled sailboat sawdust scallion scenic scorecard Scotland seabird
    select sentence shadow shamrock showgirl skullcap skydive slingshot slowdown snapline snapshot snowcap snowslide
    solo southward soybean spaniel spearhead spellbind spheroid spigot spindle spyglass stagehand stagnate stairway
    standard stapler steamship sterling stockman stopwatch stormy sugar surmount suspense sweatband swelter tactics
    talon tapeworm tempest tiger tissue tonic topmost tracker transit trauma treadmill Trojan trouble tumor tunnel
    tycoon uncut unearth unwind uproot upset upshot vapor village virus Vulcan waffle wallet watchword wayside willow
    woodlark Zulu
    """.split()  # noqa: SIM905 - a list of 256 lines says nothing more
)
"""For bytes at places 0, 2, 4, ...: two syllables."""

ODD: Final = tuple(
    """
    adroitness adviser aftermath aggregate alkali almighty amulet amusement antenna applicant Apollo armistice article
    asteroid Atlantic atmosphere autopsy Babylon backwater barbecue belowground bifocals bodyguard bookseller
    borderline bottomless Bradbury bravado Brazilian breakaway Burlington businessman butterfat Camelot candidate
    cannonball Capricorn caravan caretaker celebrate cellulose certify chambermaid Cherokee Chicago clergyman
    coherence combustion commando company component concurrent confidence conformist congregate consensus consulting
    corporate corrosion councilman crossover crucifix cumbersome customer Dakota decadence December decimal designing
    detector detergent determine dictator dinosaur direction disable disbelief disruptive distortion document embezzle
    enchanting enrollment enterprise equation equipment escapade Eskimo everyday examine existence exodus fascinate
    filament finicky forever fortitude frequency gadgetry Galveston getaway glossary gossamer graduate gravity
    guitarist hamburger Hamilton handiwork hazardous headwaters hemisphere hesitate hideaway holiness hurricane
    hydraulic impartial impetus inception indigo inertia infancy inferno informant insincere insurgent integrate
    intention inventive Istanbul Jamaica Jupiter leprosy letterhead liberty maritime matchmaker maverick Medusa megaton
    microscope microwave midsummer millionaire miracle misnomer molasses molecule Montana monument mosquito narrative
    nebula newsletter Norwegian October Ohio onlooker opulent Orlando outfielder Pacific pandemic Pandora paperweight
    paragon paragraph paramount passenger pedigree Pegasus penetrate perceptive performance pharmacy phonetic
    photograph pioneer pocketful politeness positive potato processor provincial proximate puberty publisher pyramid
    quantity racketeer rebellion recipe recover repellent replica reproduce resistor responsive retraction retrieval
    retrospect revenue revival revolver sandalwood sardonic Saturday savagery scavenger sensation sociable souvenir
    specialist speculate stethoscope stupendous supportive surrender suspicious sympathy tambourine telephone therapist
    tobacco tolerance tomorrow torpedo tradition travesty trombonist truncated typewriter ultimate undaunted underfoot
    unicorn unify universe unravel upcoming vacancy vagabond vertigo Virginia visitor vocalist voyager warranty
    Waterloo whimsical Wichita Wilmington Wyoming yesteryear Yucatan
    """.split()  # noqa: SIM905 - a list of 256 lines says nothing more
)
"""For bytes at places 1, 3, 5, ...: three syllables."""


def spoken(data: bytes) -> tuple[str, ...]:
    """A word for every byte."""
    return tuple((ODD if place % 2 else EVEN)[value] for place, value in enumerate(data))


def groups(fingerprint: str) -> str:
    """Hex digits in groups of four, upper case, for people."""
    digits = fingerprint.upper()
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


ASKED: Final = 5
"""How many groups are asked for."""
_BETWEEN = re.compile(r"[\s,;:-]+", re.ASCII)
_DIGITS = re.compile(r"[0-9a-f]*", re.ASCII)
_LINE: Final = 8
_CHANCE: Final = secrets.SystemRandom()

Pick = Callable[[Sequence[int], int], Sequence[int]]
"""Chooses so many of these at random, each once."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One fingerprint, and the groups of it that are asked for."""

    fingerprint: str
    """Lower-case hex."""
    places: tuple[int, ...]
    """Numbers of groups from 1, in order."""

    @classmethod
    def of(cls, fingerprint: str, pick: Pick = _CHANCE.sample) -> Self:
        """A new one, for one use."""
        return cls(fingerprint, tuple(sorted(pick(range(1, len(groups(fingerprint).split(" ")) + 1), ASKED))))

    def shown(self) -> list[str]:
        """The fingerprint in lines of groups, then in lines of words; what is asked for is a number in brackets."""
        hexes = groups(self.fingerprint).split(" ")
        words = spoken(bytes.fromhex(self.fingerprint))
        digits = [f"[{place}]" if place in self.places else text for place, text in enumerate(hexes, 1)]
        asked = [f"[{place}]" if _group(place) in self.places else text for place, text in enumerate(words, 1)]
        return [*_lines(digits), *_lines(asked)]

    @property
    def question(self) -> str:
        """What is asked for, by digits and by words."""
        listed = ", ".join(map(str, self.places))
        words = ", ".join(f"{2 * place - 1} {2 * place}" for place in self.places)
        return f"the groups {listed} (or the words {words})"

    def check(self, answer: str, name: str) -> None:
        """Checks the answer: the hidden groups in digits or in words, or the whole fingerprint in digits.

        `name` is what the fingerprint is of. Raises UsageError.
        """
        typed = [part for part in _BETWEEN.split(answer.strip().lower().removeprefix("sha256:")) if part]
        digits = "".join(typed)
        hexes = groups(self.fingerprint).lower().split(" ")
        words = [word.lower() for word in spoken(bytes.fromhex(self.fingerprint))]
        asked = "".join(hexes[place - 1] for place in self.places)
        if _DIGITS.fullmatch(digits) and digits in {asked, self.fingerprint}:
            return
        if typed == [word for place in self.places for word in words[2 * place - 2 : 2 * place]]:
            return
        raise UsageError(
            f"{self.question} of the fingerprint of the {name} are others; nothing was pinned",
            remedy="If the sender's are as you typed them, the medium holds a stranger's. In a script: "
            "--yes-fingerprint.",
        )


def _group(word: int) -> int:
    return (word + 1) // 2


def _lines(parts: Sequence[str]) -> list[str]:
    return [" ".join(parts[start : start + _LINE]) for start in range(0, len(parts), _LINE)]
