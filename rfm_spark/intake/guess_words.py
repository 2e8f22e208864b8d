"""The names that shops, tills and data sets give to the columns of a purchase."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

_KEYS = frozenset("id key no nr num number code ref uid uuid guid hash identifier nummer sk".split())
_PEOPLE_FACTS = "name city state zip zipcode country age segment gender type phone address lat lng group since tier"


@dataclass(frozen=True)
class Terms:
    """Names of one kind of column, folded to lower case without separators.

    Attributes:
        exact: whole names, the clearest first.
        heads: words that make a name of this kind.
        tails: words that confirm it.
        weak: whole names that may mean it.
        blocked: words that make it something else.
    """

    exact: tuple[str, ...]
    heads: frozenset[str]
    tails: frozenset[str]
    weak: frozenset[str]
    blocked: frozenset[str]


def _terms(exact: str, heads: str, tails: Iterable[str] = (), weak: str = "", blocked: str = "") -> Terms:
    return Terms(
        tuple(exact.split()), frozenset(heads.split()), frozenset(tails), frozenset(weak.split()),
        frozenset(blocked.split()),
    )  # fmt: skip


VOCABULARY = {
    "order_ts": _terms(
        "orderts orderdate ordertimestamp orderdatetime invoicedate transactiontimestamp transactiondate "
        "transdate txndate "
        "purchasedate orderpurchasetimestamp saledate salesdate bestelldatum kaufdatum rechnungsdatum date datetime "
        "timestamp datum createdat",
        "order invoice transaction trans txn purchase purchased sale sales basket receipt created payment paid bought "
        "booking checkout ticket bestell kauf rechnungs rechnung buchungs bon datum date timestamp fecha",
        "date time timestamp ts datetime at on day dt datum tag yyyymmdd".split(),
        "time ts day created dt when occurredat eventtime",
        "ship shipped shipping delivery delivered carrier due birth birthday dob expiry expires "
        "expiration updated modified "
        "signup registered registration joined estimated approved cancelled return returned week month year quarter "
        "ingested loaded load last first limit valid start end",
    ),
    "customer_id": _terms(
        # Olist's customer_id is new with every order; customer_unique_id is the person.
        "customeruniqueid customerid custid customerkey customerno clientid userid memberid householdid householdkey "
        "shopperid buyerid accountid kundennr kundennummer kundenid kunde customer client household member user",
        "customer customers cust client user member household hh shopper buyer consumer account patron "
        "subscriber guest "
        "cardholder contact kunde kunden kaufer cliente klant loyalty card profile donor",
        _KEYS,
        "id ids email mail customeremail visitorid who",
        f"{_PEOPLE_FACTS} first last birth birthday date order service value amount spend acquisition",
    ),
    "order_id": _terms(
        "orderid ordernumber orderno invoiceno invoiceid invoicenumber invoice basketid transactionid "
        "transid txnid receiptid "
        "receiptno ticketid billno bestellnummer bestellnr rechnungsnummer rechnungsnr belegnr bonnr",
        "order orders invoice basket transaction trans txn receipt ticket bill purchase sale cart checkout bestell "
        "bestellung auftrag auftrags rechnung rechnungs bon beleg pedido commande factura",
        _KEYS,
        blocked="date time ts timestamp datetime day week month year status type line item row total "
        "amount value price qty "
        "quantity count country region channel currency method at on city store product customer category priority "
        "source mode timeofday sequence seq flag discount tax",
    ),
    "line_id": _terms(
        "lineid lineno linenumber orderlineid orderlineno orderitemid invoicelineid transactionlineid "
        "lineitemid lineitem "
        "rowid positionid position posnr",
        "line row position pos lineitem",
        _KEYS,
        blocked="total amount price value product count name",
    ),
    "amount": _terms(
        "amount lineamount linetotal salesvalue salesamount saleamount totalamount totalprice "
        "orderamount ordertotal total "
        "revenue sales paymentvalue purchaseamount spend spent turnover gmv subtotal betrag umsatz summe gesamtpreis "
        "gesamtbetrag montant importe dollars",
        "amount amt total revenue sales spend spent value turnover gmv subtotal dollars betrag umsatz summe montant "
        "importe paid net gross",
        "amount amt total value price sales revenue usd eur gbp chf order line purchase transaction payment net gross "
        "betrag euro".split(),
        "net gross usd eur paid money",
        "unit per discount disc tax vat shipping freight cost profit margin qty quantity count items "
        "units id no number "
        "code date tip coupon week balance points tier type method status each lifetime installments "
        "sequential average "
        "avg score rep region person",
    ),
    "unit_price": _terms(
        "unitprice priceperunit pricepereach priceeach itemprice sellingprice saleprice retailprice listprice price "
        "einzelpreis stuckpreis preis",
        "price preis prix precio prijs",
        "unit per each item piece single einzel stuck list selling sale retail".split(),
        "rate unitamount",
        "total extended discount disc cost line id category range type gesamt sum",
    ),
    "quantity": _terms(
        "quantity qty units orderqty orderquantity quantityordered numitems itemcount unitssold menge "
        "anzahl cds pieces",
        "quantity qty units menge anzahl stuckzahl cantidad pieces",
        "sold ordered order purchased item items product".split(),
        "count items number nitems",
        "id price stock cost date available returned week",
    ),
    "currency": _terms("currency currencycode ccy curr waehrung wahrung", "currency ccy curr wahrung waehrung",
                       blocked="rate factor"),
    "channel": _terms("channel saleschannel orderchannel purchasechannel ordersource kanal", "channel kanal",
                      weak="source platform medium", blocked="id campaign"),
    "product_id": _terms(
        "productid productcode productkey productno stockcode sku skuid itemid itemcode itemno articleid articleno "
        "articlenumber artikelnr artikelnummer upc ean gtin asin isbn product item",
        "product prod stock sku item article artikel upc ean gtin asin material isbn produkt",
        _KEYS,
        weak="description productname itemname",
        blocked="category type price desc weight length photos qty quantity group brand line count "
        "department class family "
        "cost status date order value discount total level",
    ),
    "is_return": _terms(
        "isreturn isrefund isreturned isrefunded returned refunded returnflag refundflag return refund",
        "return refund returned refunded",
        "flag is ind indicator".split(),
        "transactiontype ordertype saletype type status orderstatus",
        "date reason amount id value qty quantity days rate policy",
    ),
}  # fmt: skip


def words(name: str) -> tuple[str, ...]:
    """The words of a column's name: CustomerID, customer_id and "Customer ID" have the same."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", ascii_name)
    return tuple(re.findall(r"[a-z]+|\d+", spaced.lower()))


def score(ours: str, name: str) -> float:
    """How clearly a name means one of our columns, from 0 (not at all) to 1.

    Args:
        ours: one of `VOCABULARY`.
        name: as it is in the source.
    """
    terms = VOCABULARY[ours]
    parts = words(name)
    joined = "".join(parts)
    if joined in terms.exact:
        return 1.0 - 0.2 * terms.exact.index(joined) / len(terms.exact)
    if joined in terms.weak:
        return 0.3
    present = frozenset(parts)
    if present & terms.blocked:
        return 0.0
    if any(joined == head + tail for head in terms.heads for tail in terms.tails):
        return 0.75
    if present & terms.heads:
        return 0.75 if len(present & (terms.heads | terms.tails)) > 1 else 0.5
    return 0.0
