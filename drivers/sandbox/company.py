"""The people, places and goods of the sandbox's company: made up, and as awkward as real ones."""

from __future__ import annotations

from typing import Final

VENDOR_NAMES: Final = (
    "Harbour Bearings Ltd", "O'Brien & Sons Tooling", "Nordlicht Hydraulik GmbH", "Société Générale des Vis",
    "Kowalski Pneumatyka Sp. z o.o.", "Müller Präzisionsteile KG", "Bright Spark Electrical \U0001f50c",
    "D'Angelo Valvole S.r.l.", "Østfold Stål AS", 'ACME "Quality" Fasteners, Inc.', "Jiří Novák - nástroje s.r.o.",
    "Lindqvist Packaging AB", "Papier & Büro Huber e.K.", "Smith; Jones\\Partners", "東京精密部品 株式会社",
    "Atlas Lubricants N.V.", "Çelik Makina A.Ş.", "Blue Ridge Safety Supply", "Fratelli Rossi Trasmissioni",
    "100% Seals & Gaskets",
)  # fmt: skip
CITIES: Final = (
    ("Hamburg", "20457", "DE"), ("Leeds", "LS1 4AP", "GB"), ("Lyon", "69002", "FR"), ("Gdańsk", "80-001", "PL"),
    ("Zürich", "8001", "CH"), ("Brno", "602 00", "CZ"), ("Göteborg", "411 04", "SE"), ("Boston", "02110", "US"),
    ("Torino", "10121", "IT"), ("Fredrikstad", "1606", "NO"),
)  # fmt: skip
CURRENCIES: Final = (
    "EUR",
    "GBP",
    "EUR",
    "PLN",
    "CHF",
    "CZK",
    "SEK",
    "USD",
    "EUR",
    "NOK",
)  # of each city's country
TAX_PERMILLE: Final = (190, 200, 200, 230, 81, 210, 250, 62, 220, 250)
STREETS: Final = (
    "Am Sandtorkai 12",
    "Mill Lane 3",
    "12, rue de l'Arbre Sec",
    "ul. Długa 7/2",
    "Kirkegata 1 B",
)
TERMS: Final = ("NET30", "NET60", "2/10 NET30", "ZB14", "COD", None)
SHIPPING: Final = ("DHL", "Spedition", "Pick-up", "Sea freight", None)
PEOPLE: Final = ("MSMITH", "JOBRIEN", "AKOWALSKI", "LMUELLER", "SNOVAK", "TNAKAMURA")
PLANTS: Final = ("1000", "1100", "2000")
STOREROOMS: Final = ("0001", "0002", "WEST")

GOODS: Final = (
    ("Deep groove ball bearing 6204", "bearings", "PC"), ("Hex bolt M8x40 8.8", "fasteners", "PC"),
    ('Hydraulic hose 1/2" 2SN', "hydraulics", "M"), ("Safety gloves, size 9", "safety", "PAA"),
    ("Cutting oil ISO VG 22", "lubricants", "L"), ("V-belt SPA 1250", "drives", "PC"),
    ("O-ring 24x3 NBR, 70° Shore", "seals", "PC"), ("Welding wire SG2 1.0 mm", "welding", "KG"),
    ("Contactor 3-pole 24 V", "electrical", "PC"), ("Filter element 10 µm", "filters", "PC"),
    ("Copy paper A4", "office", "BOX"), ("Stainless sheet 2 mm", "raw material", "KG"),
)  # fmt: skip
MAKERS: Final = ("Norbear", "Festwerk", "Hydrolux", "Kestrel", "Tessera", None)
ASSET_KINDS: Final = (
    ("Centrifugal pump", "EQ", "pumps"), ("Conveyor belt", "EQ", "conveying"), ("Milling machine", "EQ", "machining"),
    ("Compressed air station", "FL", "utilities"), ("Packing line", "FL", "packing"), ("Forklift truck", "FA", "vehicles"),
)  # fmt: skip
JOBS: Final = (
    "Replace bearing", "Inspect after noise", "Quarterly lubrication", "Fix leak at flange \U0001f6e0",
    "Calibrate sensor", 'Belt slips under load - "urgent"', "Yearly safety check",
)  # fmt: skip
STEPS: Final = ("Lock out and tag", "Open housing", "Check wear", "Replace parts", "Test run", "Write report")
TITLES: Final = (
    "Spare parts",
    "Quarterly refill",
    "Project order",
    "Urgent: line down",
    "",
    "Büromaterial \U0001f4ce",
)
NOTES: Final = (
    None,
    None,
    "Call before delivery",
    "see quote 4711; valid until 30.6.",
    "Don't split the delivery",
)
PROJECTS: Final = ("P-100 Packing line", "P-200 Roof", "0042")
