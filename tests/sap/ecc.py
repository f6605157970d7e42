"""An ECC system as the profile `sap-ecc` meets it: the fake with the further tables and columns that the profile reads."""

from __future__ import annotations

from collections.abc import Sequence

from tests.sap.dictionary import Column, Definition, define, flags_of
from tests.sap.system import Change, Profile, System

# Columns beside those of the fake's own dictionary.
_MORE = {
    "EKKO": "INCO1 CHAR 3",
    "EKPO": "PSTYP CHAR 1; BANFN CHAR 10 ALPHA",
    "LFA1": "NAME2 CHAR 35; REGIO CHAR 3; STCD1 CHAR 16; ADRNR CHAR 10; KTOKK CHAR 4",
    "MARA": "MFRPN CHAR 40; MFRNR CHAR 10 ALPHA; BISMT CHAR 18",
    "MSEG": "XBLNR_MKPF CHAR 16",
    "AUFK": """ERFZEIT TIMS 6; PHAS0 CHAR 1; PHAS1 CHAR 1; PHAS2 CHAR 1; IDAT2 DATS 8; KOSTV CHAR 10 ALPHA
        VAPLZ CHAR 8""",
    "AFKO": "GSUZP TIMS 6; GLUZP TIMS 6; GSTRI DATS 8; GSUZI TIMS 6; RSNUM NUMC 10",
    "AFVC": "LIFNR CHAR 10 ALPHA; PERNR NUMC 8",
    "EQUI": """EQART CHAR 10; SERNR CHAR 18 ALPHA; ANSDT DATS 8; ANSWT CURR 13,2 >EQUI-WAERS; WAERS CUKY 5
        INBDT DATS 8; ELIEF CHAR 10 ALPHA""",
}  # fmt: skip
_TABLES = {
    "EKBE": """MANDT CLNT 3 k; EBELN CHAR 10 k ALPHA; EBELP NUMC 5 k; ZEKKN NUMC 2 k; VGABE CHAR 1 k; GJAHR NUMC 4 k
        BELNR CHAR 10 k; BUZEI NUMC 4 k; CPUDT DATS 8; CPUTM TIMS 6""",
    "EKKN": "MANDT CLNT 3 k; EBELN CHAR 10 k ALPHA; EBELP NUMC 5 k; ZEKKN NUMC 2 k; KOSTL CHAR 10 ALPHA",
    "AFVV": """MANDT CLNT 3 k; AUFPL NUMC 10 k; APLZL NUMC 8 k; ARBEI QUAN 7,1 >AFVV-ARBEH; ARBEH UNIT 3 CUNIT
        ISMNW QUAN 13,3 >AFVV-ARBEH""",
    "RESB": """MANDT CLNT 3 k; RSNUM NUMC 10 k; RSPOS NUMC 4 k; RSART CHAR 1 k; XLOEK CHAR 1; MATNR CHAR 18 MATN1
        LGORT CHAR 4; BDMNG QUAN 13,3 >RESB-MEINS; ENMNG QUAN 13,3 >RESB-MEINS; MEINS UNIT 3 CUNIT""",
    "MARC": """MANDT CLNT 3 k; MATNR CHAR 18 k MATN1; WERKS CHAR 4 k; EISBE QUAN 13,3 >MARA-MEINS
        MABST QUAN 13,3 >MARA-MEINS; MINBE QUAN 13,3 >MARA-MEINS; BSTFE QUAN 13,3 >MARA-MEINS""",
    "T001W": "MANDT CLNT 3 k; WERKS CHAR 4 k; BWKEY CHAR 4",
    "T001K": "MANDT CLNT 3 k; BWKEY CHAR 4 k; BUKRS CHAR 4",
    "T001": "MANDT CLNT 3 k; BUKRS CHAR 4 k; WAERS CUKY 5",
    "MBEW": """MANDT CLNT 3 k; MATNR CHAR 18 k MATN1; BWKEY CHAR 4 k; BWTAR CHAR 10 k; VPRSV CHAR 1
        STPRS CURR 11,2 >T001-WAERS; VERPR CURR 11,2 >T001-WAERS; PEINH DEC 5""",
    "LFB1": "MANDT CLNT 3 k; LIFNR CHAR 10 k ALPHA; BUKRS CHAR 4 k; ZTERM CHAR 4",
    "LFM1": "MANDT CLNT 3 k; LIFNR CHAR 10 k ALPHA; EKORG CHAR 4 k; WAERS CUKY 5; ZTERM CHAR 4",
    "ADRC": """CLIENT CLNT 3 k; ADDRNUMBER CHAR 10 k; DATE_FROM DATS 8 k; NATION CHAR 1 k; STREET CHAR 60
        HOUSE_NUM1 CHAR 10; CITY1 CHAR 40; POST_CODE1 CHAR 10; REGION CHAR 3; COUNTRY CHAR 3; TEL_NUMBER CHAR 30""",
    "ADR6": """CLIENT CLNT 3 k; ADDRNUMBER CHAR 10 k; PERSNUMBER CHAR 10 k; DATE_FROM DATS 8 k; CONSNUMBER NUMC 3 k
        SMTP_ADDR CHAR 241""",
    "AFIH": """MANDT CLNT 3 k; AUFNR CHAR 12 k ALPHA; EQUNR CHAR 18 ALPHA; ILOAN CHAR 12 ALPHA; IWERK CHAR 4
        PRIOK CHAR 1; QMNUM CHAR 12 ALPHA""",
    "ILOA": """MANDT CLNT 3 k; ILOAN CHAR 12 k ALPHA; TPLNR CHAR 30 TPLNR; SWERK CHAR 4; BUKRS CHAR 4
        KOSTL CHAR 10 ALPHA; ABCKZ CHAR 1""",
    "CRHD": "MANDT CLNT 3 k; OBJTY CHAR 2 k; OBJID NUMC 8 k; ARBPL CHAR 8",
    "AFRU": "MANDT CLNT 3 k; RUECK NUMC 10 k; RMZHL NUMC 8 k; AUFNR CHAR 12 ALPHA; ERSDA DATS 8; ERZET TIMS 6",
    "JCDS": """MANDT CLNT 3 k; OBJNR CHAR 22 k; STAT CHAR 5 k; CHGNR NUMC 3 k; UDATE DATS 8; UTIME TIMS 6
        INACT CHAR 1""",
    "EQUZ": """MANDT CLNT 3 k; EQUNR CHAR 18 k ALPHA; DATBI DATS 8 k; EQLFN NUMC 3 k; HEQUI CHAR 18 ALPHA
        ILOAN CHAR 12 ALPHA; IWERK CHAR 4; ERDAT DATS 8; AEDAT DATS 8""",
    "IFLOT": """MANDT CLNT 3 k; TPLNR CHAR 30 k TPLNR; FLTYP CHAR 1; TPLMA CHAR 30 TPLNR; ILOAN CHAR 12 ALPHA
        IWERK CHAR 4; EQART CHAR 10; HERST CHAR 30; TYPBZ CHAR 20; SERGE CHAR 30; ERDAT DATS 8; AEDAT DATS 8
        OBJNR CHAR 22""",
    "IFLOTX": "MANDT CLNT 3 k; TPLNR CHAR 30 k TPLNR; SPRAS LANG 1 k; PLTXT CHAR 40",
}  # fmt: skip
_MORE_OF_STRUCTURES = {
    "BAPI_ALM_ORDER_HEADERS_I": "FUNCT_LOC CHAR 30 TPLNR; PRIORITY CHAR 1; MN_WK_CTR CHAR 8; PLANT CHAR 4",
    "BAPI_ALM_ORDER_HEADERS_UP": "FUNCT_LOC CHAR 1; PRIORITY CHAR 1; MN_WK_CTR CHAR 1; PLANT CHAR 1",
    "BAPI_ITOB": "ABCINDIC CHAR 1",
}


class EccSystem(System):
    def __init__(self, profile: Profile | None = None) -> None:
        super().__init__(profile)
        for name, text in _TABLES.items():
            self.add_table(define(name, text))
        for name, text in _MORE_OF_STRUCTURES.items():
            self.dictionary[name] = _with(self.dictionary[name], text)
        self.dictionary["BAPI_ITOBX"] = flags_of(self.dictionary["BAPI_ITOB"], "BAPI_ITOBX")

    def apply(self, changes: Sequence[Change]) -> None:
        """MSEG repeats the reference of its document."""
        documents = {
            (change.row["MBLNR"], change.row["MJAHR"]): change.row.get("XBLNR", "")
            for change in changes
            if change.table == "MKPF"
        }
        for change in changes:
            if change.table == "MSEG":
                kept = documents.get((change.row["MBLNR"], change.row["MJAHR"]), "")
                change.row.setdefault("XBLNR_MKPF", kept)
        super().apply(changes)

    def _create(self, definition: Definition) -> None:
        whole = _with(definition, _MORE.get(definition.name, ""))
        self.dictionary[definition.name] = whole
        super()._create(whole)


def _with(definition: Definition, text: str) -> Definition:
    further = define(definition.name, text).columns
    columns: list[Column] = [*definition.columns, *further]
    return Definition(definition.name, columns, definition.is_table)


def fill(system: System) -> None:
    """A small plant: every entity, with references between them, and rows that must not be read."""
    _vendors(system)
    _materials(system)
    _assets(system)
    _purchase_orders(system)
    _work_orders(system)


def _vendors(system: System) -> None:
    system.put(
        "LFA1", LIFNR="0000000100", NAME1="Schraubenhandel Müller", NAME2="KG", LAND1="DE", ORT01="Köln", PSTLZ="50667",
        STRAS="Domweg 1", TELF1="0221 1", STCEG="DE123456789", ERDAT="20200103", ADRNR="0000020001", KTOKK="LIEF",
    )  # fmt: skip
    system.put(
        "ADRC", ADDRNUMBER="0000020001", DATE_FROM="00010101", STREET="Domplatte", HOUSE_NUM1="4a", CITY1="Köln",
        POST_CODE1="50667", REGION="NW", COUNTRY="DE", TEL_NUMBER="+49 221 100",
    )  # fmt: skip
    system.put(
        "ADRC",
        ADDRNUMBER="0000020001",
        DATE_FROM="00010101",
        NATION="K",
        STREET="another script",
        CITY1="ケルン",
    )
    system.put("ADR6", ADDRNUMBER="0000020001", CONSNUMBER="001", SMTP_ADDR="verkauf@mueller.example")
    system.put("LFM1", LIFNR="0000000100", EKORG="1000", WAERS="EUR", ZTERM="ZB30")
    system.put(
        "LFA1", LIFNR="0000000200", NAME1="O'Hara & Sons", LAND1="IE", ORT01="Cork", SPERM="X", LOEVM="X"
    )
    system.put("LFB1", LIFNR="0000000200", BUKRS="1000", ZTERM="NT14")


def _materials(system: System) -> None:
    system.put("T001W", WERKS="1000", BWKEY="1000")
    system.put("T001K", BWKEY="1000", BUKRS="1000")
    system.put("T001", BUKRS="1000", WAERS="JPY")
    for number, price, unit in ((4711, "12.50", "1"), (4712, "9.99", "100")):
        material = f"{number:018d}"
        system.put(
            "MARA", MATNR=material, MTART="ERSA", MATKL="001", MEINS="ST", MFRPN="KB-7", ERSDA="20210405",
            LVORM="X" if number == 4712 else "",
        )  # fmt: skip
        system.put("MAKT", MATNR=material, SPRAS="D", MAKTX=f"Kugellager {number}")
        system.put("MARC", MATNR=material, WERKS="1000", EISBE="2.000", MINBE="5.000", MABST="40.000")
        system.put(
            "MARD", MATNR=material, WERKS="1000", LGORT="0001", LABST="17.500", SPEME="1.000", LGPBE="A-01"
        )
        system.put("MARD", MATNR=material, WERKS="1000", LGORT="0002", LABST="3.000", LVORM="X")
        system.put("MBEW", MATNR=material, BWKEY="1000", VPRSV="S", STPRS=price, VERPR="77.00", PEINH=unit)
    system.put("MAKT", MATNR=f"{4711:018d}", SPRAS="E", MAKTX="Ball bearing 4711")


def _assets(system: System) -> None:
    system.put("IFLOT", TPLNR="K1", FLTYP="M", ILOAN="000000000001", ERDAT="20190101", OBJNR="IFK1")
    system.put(
        "IFLOT",
        TPLNR="K1-B02",
        FLTYP="M",
        TPLMA="K1",
        ILOAN="000000000002",
        ERDAT="20190101",
        OBJNR="IFK1-B02",
    )
    system.put("IFLOTX", TPLNR="K1-B02", SPRAS="E", PLTXT="Pump house")
    system.put("ILOA", ILOAN="000000000001", SWERK="1000", BUKRS="1000")
    for number in ("000000000002", "000000000003"):
        system.put(
            "ILOA", ILOAN=number, TPLNR="K1-B02", SWERK="1000", BUKRS="1000", KOSTL="0000004100", ABCKZ="A"
        )
    equipment = f"{10000123:018d}"
    system.put(
        "EQUI", EQUNR=equipment, EQTYP="M", EQART="PUMP", HERST="KSB", TYPBZ="Etanorm", SERGE="S-1", INVNR="I-9",
        ANSDT="20180301", ANSWT="12345.00", WAERS="JPY", INBDT="20180401", ELIEF="0000000100", ERDAT="20180301",
        OBJNR=f"IE{equipment}",
    )  # fmt: skip
    system.put("EQKT", EQUNR=equipment, SPRAS="E", EQKTX="Feed pump 2")
    system.put("EQUZ", EQUNR=equipment, DATBI="20200101", EQLFN="001", ILOAN="000000000001", ERDAT="20180301")
    system.put("EQUZ", EQUNR=equipment, DATBI="99991231", EQLFN="001", ILOAN="000000000003", ERDAT="20200101")
    system.put("JEST", OBJNR=f"IE{equipment}", STAT="I0100")
    system.put("JEST", OBJNR=f"IE{equipment}", STAT="I0320", INACT="X")
    old = f"{10000124:018d}"
    system.put("EQUI", EQUNR=old, EQTYP="M", ERDAT="20100101", OBJNR=f"IE{old}")
    system.put("EQUZ", EQUNR=old, DATBI="99991231", EQLFN="001", HEQUI=equipment, ERDAT="20100101")
    system.put("JEST", OBJNR=f"IE{old}", STAT="I0076")


def _purchase_orders(system: System) -> None:
    for order, currency, state, deleted in (
        ("4500000001", "EUR", "05", ""),
        ("4500000002", "JPY", "03", ""),
        ("4500000003", "EUR", "02", "L"),
    ):
        system.put(
            "EKKO", EBELN=order, BUKRS="1000", BSTYP="F", BSART="NB", AEDAT="20260110", ERNAM="MEIER", EKORG="1000",
            EKGRP="001", LIFNR="0000000100", WAERS=currency, BEDAT="20260110", ZTERM="ZB30", INCO1="EXW",
            PROCSTAT=state, LOEKZ=deleted,
        )  # fmt: skip
        system.put(
            "EKPO", EBELN=order, EBELP="00010", TXZ01="Ball bearing", MATNR=f"{4711:018d}", AEDAT="20260112",
            WERKS="1000", LGORT="0001", MENGE="12.500", MEINS="ST", NETPR="100.00", PEINH="100", NETWR="12.50",
        )  # fmt: skip
        system.put(
            "EKPO", EBELN=order, EBELP="00020", TXZ01="Grease", AEDAT="20260112", WERKS="1000", MENGE="1.000",
            MEINS="KG", NETPR="5.00", PEINH="1", NETWR="5.00", LOEKZ="L",
        )  # fmt: skip
        for number, day in (("0001", "20260401"), ("0002", "20260501")):
            system.put("EKET", EBELN=order, EBELP="00010", ETENR=number, EINDT=day, MENGE="6.250")
        system.put("EKKN", EBELN=order, EBELP="00020", ZEKKN="01", KOSTL="0000004100")
    system.put("EKKO", EBELN="4600000001", BSTYP="K", BUKRS="1000", AEDAT="20260101")


def _work_orders(system: System) -> None:
    number = f"{800001:012d}"
    system.put(
        "AUFK", AUFNR=number, AUART="PM01", AUTYP="30", KTEXT="Replace bearing", WERKS="1000", BUKRS="1000",
        OBJNR=f"OR{number}", ERDAT="20260201", ERFZEIT="081500", PHAS1="X", KOSTV="0000004100", VAPLZ="MECH",
    )  # fmt: skip
    system.put(
        "AFKO", AUFNR=number, GSTRP="20260301", GSUZP="070000", GLTRP="20260302", GLUZP="240000", AUFPL="0000000055",
        RSNUM="0000000066",
    )  # fmt: skip
    system.put("AFIH", AUFNR=number, EQUNR=f"{10000123:018d}", ILOAN="000000000003", IWERK="1000", PRIOK="2")
    system.put("CRHD", OBJTY="A", OBJID="00000007", ARBPL="MECH")
    for place, text, unit in (("00000001", "Dismantle", "H"), ("00000002", "Wait for parts", "TAG")):
        system.put(
            "AFVC", AUFPL="0000000055", APLZL=place, VORNR=f"00{place[-1]}0", LTXA1=text, ARBID="00000007"
        )
        system.put("AFVV", AUFPL="0000000055", APLZL=place, ARBEI="2.5", ARBEH=unit, ISMNW="1.000")
    system.put(
        "RESB", RSNUM="0000000066", RSPOS="0001", MATNR=f"{4711:018d}", LGORT="0001", BDMNG="2.000", ENMNG="1.000",
        MEINS="ST",
    )  # fmt: skip
    system.put(
        "RESB", RSNUM="0000000066", RSPOS="0002", MATNR=f"{4712:018d}", BDMNG="9.000", MEINS="ST", XLOEK="X"
    )
    for state, inactive in (("I0002", ""), ("I0001", "X")):
        system.put("JEST", OBJNR=f"OR{number}", STAT=state, INACT=inactive)
        system.put("TJ02T", ISTAT=state, SPRAS="E", TXT04={"I0002": "REL", "I0001": "CRTD"}[state])
    new = f"{800002:012d}"
    system.put("AUFK", AUFNR=new, AUART="PM01", AUTYP="30", KTEXT="Only created", PHAS0="X", OBJNR=f"OR{new}")
    system.put("AUFK", AUFNR=f"{700001:012d}", AUART="PP01", AUTYP="10", KTEXT="A production order")


def fill_many(system: System) -> None:
    """Enough of each entity to be read in pages, changed on different days."""
    for number in range(1, 9):
        day = f"202602{number:02d}"
        vendor, material, place = f"{300 + number:010d}", f"{5000 + number:018d}", f"K2-{number:02d}"
        equipment, job, order = f"{20000000 + number:018d}", f"{810000 + number:012d}", f"46{number:08d}"
        documents = (("KRED", vendor), ("MATERIAL", material), ("EINKBELEG", order), ("EQUI", equipment))
        for object_class, key in documents:
            system.put(
                "CDHDR",
                OBJECTCLAS=object_class,
                OBJECTID=key,
                CHANGENR=f"{number:010d}",
                UDATE=day,
                UTIME="101500",
            )
        system.put("LFA1", LIFNR=vendor, NAME1=f"Vendor {number} ¦ | O'Neill", LAND1="DE")
        system.put("LFM1", LIFNR=vendor, EKORG="1000", WAERS="EUR")
        system.put("MARA", MATNR=material, MTART="ERSA", MEINS="ST", ERSDA=day)
        system.put("MARD", MATNR=material, WERKS="1000", LGORT="0001", LABST=f"{number}.125")
        system.put("EQUI", EQUNR=equipment, ERDAT=day, OBJNR=f"IE{equipment}", WAERS="KWD", ANSWT="1.25")
        system.put("EQUZ", EQUNR=equipment, DATBI="99991231", EQLFN="001", ERDAT=day)
        system.put("JEST", OBJNR=f"IE{equipment}", STAT="I0100")
        system.put("IFLOT", TPLNR=place, TPLMA="K1", ERDAT="20190101", AEDAT=day, OBJNR=f"IF{place}")
        system.put("JEST", OBJNR=f"IF{place}", STAT="I0320")
        system.put(
            "AUFK", AUFNR=job, AUTYP="30", KTEXT=f"Job {number}", OBJNR=f"OR{job}", PHAS1="X", ERDAT=day,
            ERFZEIT="081500", AEDAT=day, AEZEIT=f"09{number:02d}00",
        )  # fmt: skip
        system.put("AFKO", AUFNR=job, AUFPL=f"{900 + number:010d}", RSNUM=f"{900 + number:010d}")
        system.put("AFVC", AUFPL=f"{900 + number:010d}", APLZL="00000001", VORNR="0010", LTXA1="Do it")
        system.put("AFVV", AUFPL=f"{900 + number:010d}", APLZL="00000001", ARBEI="1.5", ARBEH="H")
        system.put("RESB", RSNUM=f"{900 + number:010d}", RSPOS="0001", MATNR=material, BDMNG="1.000")
        system.put(
            "EKKO", EBELN=order, BUKRS="1000", BSTYP="F", LIFNR=vendor, WAERS=("EUR", "JPY", "KWD")[number % 3],
            AEDAT=day, BEDAT=day, EKORG="1000", PROCSTAT="05",
        )  # fmt: skip
        for item in range(1, number % 3 + 1):
            system.put(
                "EKPO", EBELN=order, EBELP=f"{item * 10:05d}", MATNR=material, AEDAT=day, MENGE="2.000", MEINS="ST",
                NETPR="120.00", PEINH="1", NETWR="240.00", WERKS="1000",
            )  # fmt: skip
            system.put(
                "EKET", EBELN=order, EBELP=f"{item * 10:05d}", ETENR="0001", EINDT="20260401", MENGE="2.000"
            )
