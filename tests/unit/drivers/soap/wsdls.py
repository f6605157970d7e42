"""A small service of our own: a structure with an enumeration, lines, attributes and types in a schema of its own."""

from __future__ import annotations

ROOT = """<?xml version="1.0" encoding="utf-8"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:things" xmlns:o="urn:other" targetNamespace="urn:things">
  <wsdl:types>
    <xsd:schema targetNamespace="urn:things" elementFormDefault="qualified">
      <xsd:import namespace="urn:other" schemaLocation="http://HOME:99/other.xsd"/>
      <xsd:complexType name="Thing"><xsd:sequence>
        <xsd:element name="Key" type="xsd:string" minOccurs="0"/>
        <xsd:element name="Colour" type="o:Colour" minOccurs="0"/>
        <xsd:element name="Price" type="xsd:decimal" minOccurs="0" nillable="true"/>
        <xsd:element name="Line" type="o:Line" minOccurs="0" maxOccurs="unbounded"/>
      </xsd:sequence><xsd:attribute name="action" type="xsd:string"/></xsd:complexType>
      <xsd:element name="Put"><xsd:complexType><xsd:sequence>
        <xsd:element name="Thing" type="t:Thing"/>
      </xsd:sequence></xsd:complexType></xsd:element>
      <xsd:element name="Put_Result"><xsd:complexType><xsd:sequence>
        <xsd:element name="Thing" type="t:Thing"/>
      </xsd:sequence></xsd:complexType></xsd:element>
      <xsd:element name="Context" type="xsd:string"/>
    </xsd:schema>
  </wsdl:types>
  <wsdl:message name="Put"><wsdl:part name="parameters" element="t:Put"/></wsdl:message>
  <wsdl:message name="Context"><wsdl:part name="context" element="t:Context"/></wsdl:message>
  <wsdl:message name="Put_Result"><wsdl:part name="parameters" element="t:Put_Result"/></wsdl:message>
  <wsdl:portType name="Port"><wsdl:operation name="Put">
    <wsdl:input message="t:Put"/><wsdl:output message="t:Put_Result"/></wsdl:operation></wsdl:portType>
  <wsdl:binding name="Binding" type="t:Port">
    <soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
    <wsdl:operation name="Put"><soap:operation soapAction="urn:things:Put" style="document"/>
      <wsdl:input><soap:header message="t:Context" part="context" use="literal"/><soap:body use="literal"/></wsdl:input>
      <wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation>
  </wsdl:binding>
  <wsdl:service name="Things"><wsdl:port name="Port" binding="t:Binding">
    <soap:address location="http://HOME:99/things"/></wsdl:port></wsdl:service>
</wsdl:definitions>"""

OTHER = """<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:other"
    elementFormDefault="qualified">
  <xsd:simpleType name="Colour"><xsd:restriction base="xsd:string">
    <xsd:enumeration value="_blank_"/><xsd:enumeration value="Red_x0026_Blue"/></xsd:restriction></xsd:simpleType>
  <xsd:complexType name="Line"><xsd:sequence>
    <xsd:element name="No" type="xsd:int"/><xsd:element name="Due" type="xsd:date" minOccurs="0"/>
  </xsd:sequence></xsd:complexType>
</xsd:schema>"""
