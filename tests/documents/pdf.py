"""PDF files made by hand, so that the tests need no library that writes them."""

from __future__ import annotations

from collections.abc import Sequence


def pdf(pages: Sequence[Sequence[str]]) -> bytes:
    """A PDF with those lines of text on its pages."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, lines in enumerate(pages):
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R >>"
        )
        shown = "".join(f"({_escaped(line)}) Tj T*\n" for line in lines)
        text = f"BT /F1 12 Tf 14 TL 50 780 Td\n{shown}ET"
        objects.append(f"<< /Length {len(text.encode('cp1252'))} >>\nstream\n{text}\nendstream")
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("cp1252")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    return (
        out
        + f"{end}trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n".encode()
    )


def _escaped(line: str) -> str:
    return line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


POOL = [
    [
        "Riverside Swimming Pool",
        "Opening times",
        "The pool is open from Monday to Saturday, 6:30 to 21:00. On Sundays it",
        "closes at 18:00. Early-bird swimming before 8:00 is for members only.",
        "Tickets",
        "A day ticket for adults is 6 euros. Ten visits cost 50 euros. Season",
        "tickets are sold at the kiosk beside the changing rooms.",
    ],
    [
        "Rules for bathers",
        "Please take a shower before you enter the water. Jumping from the edge",
        "is prohibited. Children under eight must stay with an adult. Swimming",
        "caps are compulsory in the training lanes.",
        "Lessons",
        "Swimming lessons for beginners take place on Thursday evenings. The",
        "instructor is Marco Bellini. The water in the learner pool has 32 degrees.",
    ],
]
