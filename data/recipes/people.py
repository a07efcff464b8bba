"""Names as customers spell them: many scripts, both directions, emoji, marks that combine."""

from __future__ import annotations

__all__ = ["CITIES", "EMAILS", "NAMES", "SENTENCES"]

NAMES = (
    "Ada Lovelace",
    "Grace Hopper",
    "Zoë Åström",
    "Zoe\u0308 A\u030astro\u0308m",  # the same name in decomposed form: equal to a reader, different bytes
    "Siobhán O'Connor",
    "Nguyễn Thị Minh Khai",
    "Łukasz Żółć",
    "Jürgen Groß",
    "Мария Иванова",
    "Ελένη Παπαδοπούλου",
    "山田 太郎",
    "王小明",
    "김민준",
    "สมชาย ใจดี",
    "अनन्या शर्मा",
    "محمد عبد الله",
    "דוד כהן",
    "Café عربي Mixed",  # left-to-right and right-to-left in one string
    "Party 🎉 Supplies",
    "👩‍👩‍👧‍👦 Family Store",  # one glyph, seven code points
    "Team 🇺🇦 / 🇧🇷",
    "𝓕𝓪𝓷𝓬𝔂 Goods",  # outside the Basic Multilingual Plane
    'Quote "Q" Quinn',
    "Back\\slash & Sons",
    "Robert'); DROP TABLE orders;--",
    "Tab\tand\nnewline Ltd",
    "Ñandú S.A. de C.V.",
    "İstanbul Işık",
    "Þór Æsir",
    "X",
    "O'Neil, Jones, and Partners",
    "ﬁne ﬂour",  # ligatures, which a compatibility normalisation would change
)

EMAILS = ("billing", "accounts", "orders", "hello", "office", "finance")

CITIES = (
    "São Paulo",
    "Zürich",
    "Kraków",
    "東京",
    "القاهرة",
    "Reykjavík",
    "Denver",
    "Nairobi",
    "Kyiv",
    "Hội An",
)

SENTENCES = (
    "",
    "Left at the door.",
    "Gift 🎁, please wrap",
    'Customer said: "call first"',
    "Line one\nline two",
    "Comma, semicolon; tab\there",
    "Zurückgestellt – prüfen",
    "配達時間指定 18:00",
    "التوصيل مساءً",
    "NA",
    "null",
    "00123",
    "=SUM(A1:A9)",
    "  spaces at both ends  ",
    "back\\slash and \\N",
)
