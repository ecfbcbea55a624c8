"""Invented texts of the shapes that banks send and people paste, and what each of them says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

MOBILE, TRANSFER = "MOBILE_TRANSFER", "BANESCO"


class Said(NamedTuple):
    """A text, what it fills, and which fields are doubtful."""

    text: str
    values: dict[str, str]
    doubts: Mapping[str, str] = MappingProxyType({})


def said(kind: str | None = MOBILE, **values: str) -> dict[str, str]:
    return {**({"bank": kind} if kind else {}), **values}


NOT_NAMED = {"payer_bank": "not_named"}
TEXTS = {
    "Banesco, received": Said(
        "BANESCO REGISTRO: Pago recibido a traves de Pago Movil por Bs. 1234.0 el 01/01/2026; 12:00 "
        "REF 000000004567. Para mas inf. llama +584129990000",
        said(amount="1234,00", operation_date="2026-01-01", reference="000000004567"),
        NOT_NAMED,
    ),
    "Banesco, with payer": Said(
        "BANESCO REGISTRO: Pago recibido a traves de Pago Movil de MARIA DE LA CRUZ por Bs. 1900.5 el "
        "05/11/2026; 09:15 REF 012345678901.",
        said(
            amount="1900,50",
            operation_date="2026-11-05",
            reference="012345678901",
            full_name="Maria de la Cruz",
        ),
        NOT_NAMED,
    ),
    "BDV, SMS": Said(
        "Recibiste un PagomovilBDV por Bs.12.000,00 del 0414-1234567 Ref: 123456789012 en fecha: 01-11-26 hora: 12:10.",
        said(
            amount="12000,00",
            phone="04141234567",
            reference="123456789012",
            operation_date="2026-11-01",
        ),
        NOT_NAMED,
    ),
    "BDV, SMS, spaced otherwise": Said(
        "Recibiste un PagomovilBDV por Bs. 12.000,00 del 0414-1234567 Ref: 123456789012 en fecha 01-11-26 hora: 12:10",
        said(
            amount="12000,00",
            phone="04141234567",
            reference="123456789012",
            operation_date="2026-11-01",
        ),
        NOT_NAMED,
    ),
    "BDV, app": Said(
        "Recibiste un PagomovilBDV de ROSA VILLALOBOS por Bs.1.760,00 bajo el numero de operacion 123456789012",
        said(amount="1760,00", full_name="Rosa Villalobos", reference="123456789012"),
        {**NOT_NAMED, "reference": "app_number"},
    ),
    "BDV, transfer": Said(
        "Recibiste una transferencia BDV de ROSA VILLALOBOS por Bs.277.000,00 bajo el número de operación 123456789012",
        said(TRANSFER, amount="277000,00", full_name="Rosa Villalobos", reference="123456789012"),
        {**NOT_NAMED, "reference": "app_number"},
    ),
    "BDV, from another bank": Said(
        "Recibiste una transferencia de otros bancos de ROSA VILLALOBOS por Bs. 50,00 bajo el número de operación "
        "12345678.\nSaldo disponible Bs. 149,91",
        said(TRANSFER, amount="50,00", full_name="Rosa Villalobos", reference="12345678"),
        {**NOT_NAMED, "reference": "app_number"},
    ),
    "Mercantil": Said(
        "Tpago recibido Bs. 52,65 del 04141234567 Ref 123456789012, 26/06/2026, 05:43 PM. Conoce el servicio ...",
        said(
            amount="52,65",
            phone="04141234567",
            reference="123456789012",
            operation_date="2026-06-26",
        ),
        NOT_NAMED,
    ),
    "Provincial": Said(
        "BBVA Provincial informa: has recibido un Pago Movil Dinero Rapido Otros Bancos Ref:123456789012 del "
        "Tlf.**23 por Bs          54,89.",
        said(amount="54,89", reference="123456789012"),
        {**NOT_NAMED, "phone": "masked"},
    ),
    "BNC, masked": Said(
        "BNC Pago Movil Recibido Bs.10000,00 Telf.0414***69..",
        said(amount="10000,00"),
        {**NOT_NAMED, "phone": "masked"},
    ),
    "BNC": Said(
        "BNC Pago Movil Recibido Bs.350,5 Telf.04141234567 Dia:01/11/2026-12:30 Ref:123456789 Llamar al "
        "0500-2625000 si no realizo esta Operacion",
        said(
            amount="350,50", phone="04141234567", reference="123456789", operation_date="2026-11-01"
        ),
        NOT_NAMED,
    ),
    "Bancaribe, mail": Said(
        "Bancaribe se complace en informarle que el 01-01-2026 a las 12:00:00, recibió un pago móvil con estos datos\n"
        "Monto: 1234,56 Bolívares\nTeléfono pagador: 04141234567\nTeléfono receptor: 04121112233\n"
        "Referencia: 123456789012",
        said(
            amount="1234,56",
            phone="04141234567",
            reference="123456789012",
            operation_date="2026-01-01",
        ),
        NOT_NAMED,
    ),
    "payer's receipt, Banesco": Said(
        "Operacion Exitosa!\nNUMERO DE REFERENCIA\n123456789012\nFECHA 03/05/2026 05:00:17PM\n"
        "NUMERO CELULAR DE ORIGEN 04****0000\nNUMERO CELULAR DE DESTINO 04121112233\n"
        "IDENTIFICACION RECEPTOR J-123456789\nBANCO EMISOR\n0134 - BANESCO\nBANCO RECEPTOR 0102\n"
        "MONTO DE LA OPERACION Bs. 963,89\nCONCEPTO consulta",
        said(
            amount="963,89",
            reference="123456789012",
            operation_date="2026-05-03",
            payer_bank="0134",
        ),
        {"phone": "masked", "national_id": "ours"},
    ),
    "payer's receipt, BDV": Said(
        "PagomovilBDV Personas\nFecha: 01/11/2026\nOperacion: 123456789012\nIdentificacion: 12345678\n"
        "Origen: 0102****0000\nDestino: 04121112233\nBanco: 0172 - BANCAMIGA BANCO UNIVERSAL\nConcepto: consulta",
        said(reference="123456789012", operation_date="2026-11-01", payer_bank="0102"),
        {"reference": "app_number", "phone": "masked", "national_id": "ours"},
    ),
    "payer's receipt, BDV transfer": Said(
        "BDV Personas\nTransaccion exitosa\nNumero de referencia 123456789\nMonto 1.234,00\n"
        "Fecha 01/01/2026 12:00 PM\nBanco 0134",
        said(
            None,
            amount="1234,00",
            reference="123456789",
            operation_date="2026-01-01",
            payer_bank="0102",
        ),
    ),
    "payer's receipt, Mercantil": Said(
        "Listo!\nTu Tpago fue exitoso\nBanco destino: 0102 - Venezuela\nMonto Bs. 12,00\nReferencia 123123123",
        said(amount="12,00", reference="123123123", payer_bank="0105"),
    ),
    "payer's receipt, Provincial": Said(
        "El dinero fue enviado\nDinero Rapido\nBBVA Provincial\nBanco: 0134\nPago a: 04121112233\nBs 10,00",
        said(amount="10,00", payer_bank="0108"),
        {"phone": "ours"},
    ),
    "payer's receipt, Bancamiga": Said(
        "Transaccion exitosa\nNUMERO DE REFERENCIA: 123456789012\nBANCO: 0134",
        said(None, reference="123456789012"),
        NOT_NAMED,
    ),
    "Banesco transfer receipt": Said(
        "N° DE RECIBO: 123456789\nFecha: 01/11/2026\nMonto:\n1.234,56\nBeneficiario: CLINICA DE EJEMPLO\n"
        "Concepto: consulta\nCuenta debitada N°: 0134****1234",
        said(
            TRANSFER,
            amount="1234,56",
            reference="123456789",
            operation_date="2026-11-01",
            payer_bank="0134",
        ),
    ),
    "Banesco transfer receipt, other label": Said(
        "Recibo N°: 123456789\nFecha: 01/11/2026\nMonto: Bs. 1.234,56\nCuenta debitada N°: 0134****1234",
        said(
            TRANSFER,
            amount="1234,56",
            reference="123456789",
            operation_date="2026-11-01",
            payer_bank="0134",
        ),
    ),
    "template, Banesco with balance": Said(
        "Banesco: Recibiste Pago Movil por Bs. 100,00 de ROSA PEÑA. Ref: 12345678. Saldo disponible Bs. 3.000,00",
        said(amount="100,00", full_name="Rosa Peña", reference="12345678"),
        NOT_NAMED,
    ),
    "template, Banesco with document": Said(
        "Banesco: Recibio Pago Movil de V12345678 por Bs 350,50 Ref: 12345678",
        said(amount="350,50", national_id="V12345678", reference="12345678"),
        NOT_NAMED,
    ),
    "template, BanescoPagoMovil": Said(
        "BanescoPagoMovil: Recibiste Bs. 100,00 de V-12345678 tlf 04141234567 Ref: 12345678 el 01/11/2026",
        said(
            amount="100,00",
            national_id="V12345678",
            phone="04141234567",
            reference="12345678",
            operation_date="2026-11-01",
        ),
        NOT_NAMED,
    ),
    "template, BDV": Said(
        "BDV: Pago Movil recibido por Bs. 100,00 de E-12345678 Cel. 04241234567 Ref: 12345678",
        said(amount="100,00", national_id="E12345678", phone="04241234567", reference="12345678"),
        NOT_NAMED,
    ),
    "template, PagoClave": Said(
        "PagoClave recibido por Bs. 100,00 de 04141234567 ci 12345678 ref 123456 al 01/11/2026 12:33",
        said(
            amount="100,00",
            national_id="V12345678",
            phone="04141234567",
            reference="123456",
            operation_date="2026-11-01",
        ),
        NOT_NAMED,
    ),
    "template, Mercantil": Said(
        "MERCANTIL: Recibiste un Pago Movil por Bs. 100,00 de CI: V-18.450.123 con Ref: 123456.",
        said(amount="100,00", national_id="V18450123", reference="123456"),
        NOT_NAMED,
    ),
    "template, Bancamiga": Said(
        "Bancamiga informa: Abono por Pago Movil Bs. 100,00. Cedula: 12345678 Ref: 123456.",
        said(amount="100,00", national_id="V12345678", reference="123456"),
        NOT_NAMED,
    ),
    "template, Banplus": Said(
        "Banplus te informa: Abono PagoPlus por Bs. 100,00 CI: V12345678 Ref: 123456.",
        said(amount="100,00", national_id="V12345678", reference="123456"),
        NOT_NAMED,
    ),
    "template, Dinero Rapido": Said(
        "Dinero Rapido BBVA: Recibio Bs 100,00 en cta ...1234 de 04141234567 Ref 123456",
        said(amount="100,00", phone="04141234567", reference="123456"),
        NOT_NAMED,
    ),
}
REFUSED = {
    "BBVA Provincial informa Pago Movil desde cuenta 0000 por Bs. 30,206.00. Si no la realizaste envia N al 77106 "
    "F2026/08/05H15:51:44": "sent",
    "Enviaste un Pago Movil por Bs. 10,00 al 04121112233 Ref 123456": "sent",
    "La clave de pago es 12345678 por Bs. 10,00 y vence en 5 minutos": "one_time_key",
    "Su código de verificación es 123456": "one_time_key",
    "BDV: su saldo disponible es Bs. 10,00": "balance",
    "Buenos días, ¿a qué hora abren?": "no_payment",
    " \u00a0\n ": "empty",
    "Pago recibido " * 1000: "too_long",
    "\u249b" * 4000: "too_long",  # each is three characters when it is made compatible
    "1" * 4000: "no_payment",
}
