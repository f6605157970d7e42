"""The fake system's dictionary: tables and structures as SAP's DDIC describes them, written down by hand.

The names of tables' fields are checked against the captured field lists (`tests/unit/sap`). Nothing here comes from the
drivers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

NUMERIC = frozenset({"CURR", "QUAN", "DEC", "INT4", "INT2", "INT1"})
LETTERS = {
    "CHAR": "C", "CLNT": "C", "LANG": "C", "CUKY": "C", "UNIT": "C", "NUMC": "N", "DATS": "D", "TIMS": "T",
    "CURR": "P", "QUAN": "P", "DEC": "P", "INT4": "I", "INT2": "s", "INT1": "b", "FLTP": "F", "RAW": "X",
    "STRG": "g", "RSTR": "y",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    length: int
    decimals: int = 0
    key: bool = False
    exit: str = ""
    reference: tuple[str, str] = ("", "")

    @property
    def output(self) -> int:
        if self.type in {"CURR", "QUAN", "DEC"}:
            return self.length + (1 if self.decimals else 0) + 1
        return {"INT4": 11, "INT2": 6, "INT1": 3, "FLTP": 22}.get(
            self.type, self.length * 2 if self.type == "RAW" else self.length
        )

    @property
    def initial(self) -> str:
        if self.type == "DATS":
            return "00000000"
        if self.type in {"TIMS", "NUMC"}:
            return "0" * self.length
        if self.type in NUMERIC:
            return "0" if not self.decimals else "0." + "0" * self.decimals
        return "0.0000000000000000E+00" if self.type == "FLTP" else ""


@dataclass
class Definition:
    name: str
    columns: list[Column] = field(default_factory=list)
    is_table: bool = True

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def key(self) -> list[str]:
        return [column.name for column in self.columns if column.key]


def define(name: str, text: str, *, table: bool = True) -> Definition:
    """`NAME TYPE LENGTH[,DECIMALS] [k] [ALPHA] [>TABLE-FIELD]`, one a line or separated by `;`."""
    columns = []
    for line in text.replace("\n", ";").split(";"):
        words = line.split()
        if not words:
            continue
        length, _, decimals = words[2].partition(",")
        rest = words[3:]
        reference = next((tuple(word[1:].split("-")) for word in rest if word.startswith(">")), ("", ""))
        exit_name = next((word for word in rest if word.isupper() and not word.startswith(">")), "")
        columns.append(
            Column(words[0], words[1], int(length), int(decimals or 0), "k" in rest, exit_name, reference)
        )
    return Definition(name, columns, table)


_TABLES = {
    "EKKO": """MANDT CLNT 3 k; EBELN CHAR 10 k ALPHA; BUKRS CHAR 4; BSTYP CHAR 1; BSART CHAR 4; LOEKZ CHAR 1
        STATU CHAR 1; AEDAT DATS 8; ERNAM CHAR 12; LIFNR CHAR 10 ALPHA; ZTERM CHAR 4; EKORG CHAR 4; EKGRP CHAR 3
        WAERS CUKY 5; WKURS DEC 9,5; BEDAT DATS 8; IHREZ CHAR 12; UNSEZ CHAR 12; VERKF CHAR 30; FRGKE CHAR 1
        FRGZU CHAR 8; PROCSTAT CHAR 2""",
    "EKPO": """MANDT CLNT 3 k; EBELN CHAR 10 k ALPHA; EBELP NUMC 5 k; LOEKZ CHAR 1; AEDAT DATS 8; TXZ01 CHAR 40
        MATNR CHAR 18 MATN1; WERKS CHAR 4; LGORT CHAR 4; MATKL CHAR 9; MENGE QUAN 13,3 >EKPO-MEINS
        MEINS UNIT 3 CUNIT; NETPR CURR 11,2 >EKKO-WAERS; PEINH DEC 5; NETWR CURR 13,2 >EKKO-WAERS; ELIKZ CHAR 1
        EREKZ CHAR 1; BEDNR CHAR 10""",
    "EKET": """MANDT CLNT 3 k; EBELN CHAR 10 k ALPHA; EBELP NUMC 5 k; ETENR NUMC 4 k; EINDT DATS 8
        MENGE QUAN 13,3 >EKPO-MEINS; WEMNG QUAN 13,3 >EKPO-MEINS; UZEIT TIMS 6""",
    "CDHDR": """MANDANT CLNT 3 k; OBJECTCLAS CHAR 15 k; OBJECTID CHAR 90 k; CHANGENR CHAR 10 k; USERNAME CHAR 12
        UDATE DATS 8; UTIME TIMS 6; TCODE CHAR 20""",
    "LFA1": """MANDT CLNT 3 k; LIFNR CHAR 10 k ALPHA; LAND1 CHAR 3; NAME1 CHAR 35; ORT01 CHAR 35; PSTLZ CHAR 10
        STRAS CHAR 35; TELF1 CHAR 16; STCEG CHAR 20; SPERR CHAR 1; SPERM CHAR 1; LOEVM CHAR 1; ERDAT DATS 8""",
    "MARA": """MANDT CLNT 3 k; MATNR CHAR 18 k MATN1; ERSDA DATS 8; LAEDA DATS 8; MTART CHAR 4; MATKL CHAR 9
        MEINS UNIT 3 CUNIT; LVORM CHAR 1; BRGEW QUAN 13,3 >MARA-GEWEI; GEWEI UNIT 3 CUNIT""",
    "MAKT": "MANDT CLNT 3 k; MATNR CHAR 18 k MATN1; SPRAS LANG 1 k; MAKTX CHAR 40; MAKTG CHAR 40",
    "MARD": """MANDT CLNT 3 k; MATNR CHAR 18 k MATN1; WERKS CHAR 4 k; LGORT CHAR 4 k; LABST QUAN 13,3 >MARA-MEINS
        INSME QUAN 13,3 >MARA-MEINS; SPEME QUAN 13,3 >MARA-MEINS; LGPBE CHAR 10; LVORM CHAR 1""",
    "MKPF": """MANDT CLNT 3 k; MBLNR CHAR 10 k; MJAHR NUMC 4 k; CPUDT DATS 8; CPUTM TIMS 6; BUDAT DATS 8
        BLDAT DATS 8; XBLNR CHAR 16; BKTXT CHAR 25; USNAM CHAR 12""",
    "MSEG": """MANDT CLNT 3 k; MBLNR CHAR 10 k; MJAHR NUMC 4 k; ZEILE NUMC 4 k; BWART CHAR 3; MATNR CHAR 18 MATN1
        WERKS CHAR 4; LGORT CHAR 4; MENGE QUAN 13,3 >MSEG-MEINS; MEINS UNIT 3 CUNIT; EBELN CHAR 10 ALPHA
        EBELP NUMC 5""",
    "AUFK": """MANDT CLNT 3 k; AUFNR CHAR 12 k ALPHA; AUART CHAR 4; AUTYP NUMC 2; KTEXT CHAR 40; WERKS CHAR 4
        BUKRS CHAR 4; OBJNR CHAR 22; ERDAT DATS 8; AEDAT DATS 8; AEZEIT TIMS 6; LOEKZ CHAR 1; USER0 CHAR 20
        PHAS3 CHAR 1""",
    "AFKO": """MANDT CLNT 3 k; AUFNR CHAR 12 k ALPHA; GSTRP DATS 8; GLTRP DATS 8; AUFPL NUMC 10""",
    "AFVC": "MANDT CLNT 3 k; AUFPL NUMC 10 k; APLZL NUMC 8 k; VORNR CHAR 4; LTXA1 CHAR 40; ARBID NUMC 8",
    "JEST": "MANDT CLNT 3 k; OBJNR CHAR 22 k; STAT CHAR 5 k; INACT CHAR 1; CHGNR NUMC 3",
    "TJ02T": "ISTAT CHAR 5 k; SPRAS LANG 1 k; TXT04 CHAR 4; TXT30 CHAR 30",
    "EQUI": """MANDT CLNT 3 k; EQUNR CHAR 18 k ALPHA; ERDAT DATS 8; AEDAT DATS 8; EQTYP CHAR 1; HERST CHAR 30
        TYPBZ CHAR 20; SERGE CHAR 30; OBJNR CHAR 22; INVNR CHAR 25""",
    "EQKT": "MANDT CLNT 3 k; EQUNR CHAR 18 k ALPHA; SPRAS LANG 1 k; EQKTX CHAR 40",
    "TCURX": "CURRKEY CUKY 5 k; CURRDEC INT1 3",
    "DD03L": """TABNAME CHAR 30 k; FIELDNAME CHAR 30 k; AS4LOCAL CHAR 1 k; AS4VERS NUMC 4 k; POSITION NUMC 4 k
        KEYFLAG CHAR 1; ROLLNAME CHAR 30; DOMNAME CHAR 30; DATATYPE CHAR 4; LENG NUMC 6; DECIMALS NUMC 6
        REFTABLE CHAR 30; REFFIELD CHAR 30""",
    "DD01L": "DOMNAME CHAR 30 k; AS4LOCAL CHAR 1 k; AS4VERS NUMC 4 k; CONVEXIT CHAR 5",
    "ZLONG": "MANDT CLNT 3 k; ID NUMC 5 k; NAME CHAR 20; BODY STRG 0",
}  # fmt: skip

_STRUCTURES = {
    "RFC_DB_OPT": "TEXT CHAR 72",
    "RFC_DB_FLD": "FIELDNAME CHAR 30; OFFSET NUMC 6; LENGTH NUMC 6; TYPE CHAR 1; FIELDTEXT CHAR 60",
    "TAB512": "WA CHAR 512",
    "TAB2048": "WA CHAR 2048",
    "EM_NUMBER_OF_ENTRIES": "TABNAME CHAR 30; TABROWS INT4 10",
    "SDTI_RESULT_TAB": "LINE STRG 0",
    **{f"TBLOUT{width}": f"WA CHAR {width}" for width in (128, 512, 2048, 8192, 30000)},
    "RFC_FUNINT": """PARAMCLASS CHAR 1; PARAMETER CHAR 30; TABNAME CHAR 30; FIELDNAME CHAR 30; EXID CHAR 1
        POSITION INT4 10; OFFSET INT4 10; INTLENGTH INT4 10; DECIMALS INT4 10; DEFAULT CHAR 21; PARAMTEXT CHAR 79
        OPTIONAL CHAR 1""",
    "DFIES": """TABNAME CHAR 30; FIELDNAME CHAR 30; LANGU LANG 1; POSITION NUMC 4; OFFSET NUMC 6; DOMNAME CHAR 30
        ROLLNAME CHAR 30; LENG NUMC 6; INTLEN NUMC 6; OUTPUTLEN NUMC 6; DECIMALS NUMC 6; DATATYPE CHAR 4
        INTTYPE CHAR 1; REFTABLE CHAR 30; REFFIELD CHAR 30; CONVEXIT CHAR 5; FIELDTEXT CHAR 60; KEYFLAG CHAR 1""",
    "X030L": "TABNAME CHAR 30; TABTYPE CHAR 1",
    "RFCSI": """RFCSYSID CHAR 8; RFCHOST CHAR 8; RFCSAPRL CHAR 4; RFCDBSYS CHAR 10; RFCTZONE CHAR 6; RFCDAYST CHAR 1
        RFCDBHOST CHAR 32; RFCKERNRL CHAR 4""",
    "BAPIRET2": """TYPE CHAR 1; ID CHAR 20; NUMBER NUMC 3; MESSAGE CHAR 220; LOG_NO CHAR 20; LOG_MSG_NO NUMC 6
        MESSAGE_V1 CHAR 50; MESSAGE_V2 CHAR 50; MESSAGE_V3 CHAR 50; MESSAGE_V4 CHAR 50; PARAMETER CHAR 32
        ROW INT4 10; FIELD CHAR 30; SYSTEM CHAR 10""",
    "BAPIMEPOHEADER": """PO_NUMBER CHAR 10 ALPHA; COMP_CODE CHAR 4; DOC_TYPE CHAR 4; DELETE_IND CHAR 1; STATUS CHAR 1
        CREAT_DATE DATS 8; VENDOR CHAR 10 ALPHA; PMNTTRMS CHAR 4; PURCH_ORG CHAR 4; PUR_GROUP CHAR 3
        CURRENCY CUKY 5; DOC_DATE DATS 8; REF_1 CHAR 12; OUR_REF CHAR 12; SALES_PERS CHAR 30""",
    "BAPIMEPOITEM": """PO_ITEM NUMC 5; DELETE_IND CHAR 1; SHORT_TEXT CHAR 40; MATERIAL CHAR 18 MATN1; PLANT CHAR 4
        STGE_LOC CHAR 4; TRACKINGNO CHAR 10; MATL_GROUP CHAR 9; QUANTITY QUAN 13,3; PO_UNIT UNIT 3 CUNIT
        NET_PRICE DEC 28,9; PRICE_UNIT DEC 5; NO_MORE_GR CHAR 1""",
    "BAPIMEPOSCHEDULE": """PO_ITEM NUMC 5; SCHED_LINE NUMC 4; DELIVERY_DATE CHAR 10; QUANTITY QUAN 13,3
        DELIV_TIME TIMS 6; STAT_DATE DATS 8""",
    "BAPI_ITOB": """DESCRIPT CHAR 40; MANFACTURE CHAR 30; MANMODEL CHAR 20; MANSERNO CHAR 30; INVENTORY CHAR 25
        MAINTPLANT CHAR 4""",
    "BAPI_ITOB_EQ_ONLY": "EQUICATGRY CHAR 1; SERIALNO CHAR 18",
    "BAPI_ALM_ORDER_METHOD": "REFNUMBER NUMC 6; OBJECTTYPE CHAR 32; METHOD CHAR 32; OBJECTKEY CHAR 90",
    "BAPI_ALM_ORDER_HEADERS_I": """ORDERID CHAR 12 ALPHA; ORDER_TYPE CHAR 4; PLANPLANT CHAR 4; SHORT_TEXT CHAR 40
        EQUIPMENT CHAR 18 ALPHA; START_DATE DATS 8; FINISH_DATE DATS 8""",
    "BAPI_ALM_NUMBERS": "AUFNR_IN CHAR 12; AUFNR_NEW CHAR 12",
    "BAPI2017_GM_HEAD_01": "PSTNG_DATE DATS 8; DOC_DATE DATS 8; REF_DOC_NO CHAR 16; HEADER_TXT CHAR 25",
    "BAPI2017_GM_CODE": "GM_CODE CHAR 2",
    "BAPI2017_GM_ITEM_CREATE": """MATERIAL CHAR 18 MATN1; PLANT CHAR 4; STGE_LOC CHAR 4; MOVE_TYPE CHAR 3
        ENTRY_QNT QUAN 13,3; ENTRY_UOM UNIT 3 CUNIT; PO_NUMBER CHAR 10 ALPHA; PO_ITEM NUMC 5; MVT_IND CHAR 1
        MOVE_PLANT CHAR 4; MOVE_STLOC CHAR 4""",
}  # fmt: skip


def flags_of(definition: Definition, name: str, keys: tuple[str, ...] = ()) -> Definition:
    """The structure of X flags that stands beside another: what is changed has an X."""
    columns = [
        Column(column.name, column.type, column.length)
        if column.name in keys
        else Column(column.name, "CHAR", 1)
        for column in definition.columns
    ]
    columns += [Column(f"{key}X", "CHAR", 1) for key in keys]
    return Definition(name, columns, is_table=False)


def load() -> dict[str, Definition]:
    found = {name: define(name, text) for name, text in _TABLES.items()}
    found |= {name: define(name, text, table=False) for name, text in _STRUCTURES.items()}
    found["BAPIMEPOHEADERX"] = flags_of(found["BAPIMEPOHEADER"], "BAPIMEPOHEADERX")
    found["BAPIMEPOITEMX"] = flags_of(found["BAPIMEPOITEM"], "BAPIMEPOITEMX", ("PO_ITEM",))
    found["BAPIMEPOSCHEDULX"] = flags_of(
        found["BAPIMEPOSCHEDULE"], "BAPIMEPOSCHEDULX", ("PO_ITEM", "SCHED_LINE")
    )
    found["BAPI_ITOBX"] = flags_of(found["BAPI_ITOB"], "BAPI_ITOBX")
    found["BAPI_ITOB_EQ_ONLYX"] = flags_of(found["BAPI_ITOB_EQ_ONLY"], "BAPI_ITOB_EQ_ONLYX")
    found["BAPI_ALM_ORDER_HEADERS_UP"] = define(
        "BAPI_ALM_ORDER_HEADERS_UP",
        "ORDERID CHAR 12 ALPHA; SHORT_TEXT CHAR 1; EQUIPMENT CHAR 1; START_DATE CHAR 1; FINISH_DATE CHAR 1",
        table=False,
    )
    return found
