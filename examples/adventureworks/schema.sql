-- The purchasing part of AdventureWorks with the types that its PostgreSQL edition gives them.
create schema production;
create schema purchasing;

create table production.unitmeasure (
  unitmeasurecode char(3) primary key,
  name varchar(50) not null,
  modifieddate timestamp not null
);
create table production.location (
  locationid integer primary key,
  name varchar(50) not null,
  costrate numeric(19,4) not null,
  availability numeric(8,2) not null,
  modifieddate timestamp not null
);
create table production.product (
  productid integer primary key,
  name varchar(50) not null,
  productnumber varchar(25) not null unique,
  makeflag boolean not null,
  finishedgoodsflag boolean not null,
  color varchar(15),
  safetystocklevel smallint not null,
  reorderpoint smallint not null,
  standardcost numeric(19,4) not null,
  listprice numeric(19,4) not null,
  size varchar(5),
  sizeunitmeasurecode char(3) references production.unitmeasure,
  weightunitmeasurecode char(3) references production.unitmeasure,
  weight numeric(8,2),
  daystomanufacture integer not null,
  productline char(2),
  class char(2),
  style char(2),
  productsubcategoryid integer,
  productmodelid integer,
  sellstartdate timestamp not null,
  sellenddate timestamp,
  discontinueddate timestamp,
  rowguid uuid not null,
  modifieddate timestamp not null
);
create table production.productinventory (
  productid integer not null references production.product,
  locationid integer not null references production.location,
  shelf varchar(10),
  bin smallint not null,
  quantity smallint not null,
  rowguid uuid not null,
  modifieddate timestamp not null,
  primary key (productid, locationid)
);
create table purchasing.shipmethod (
  shipmethodid integer primary key,
  name varchar(50) not null,
  shipbase numeric(19,4) not null,
  shiprate numeric(19,4) not null,
  rowguid uuid not null,
  modifieddate timestamp not null
);
create table purchasing.vendor (
  businessentityid integer primary key,
  accountnumber varchar(15) not null unique,
  name varchar(50) not null,
  creditrating smallint not null,
  preferredvendorstatus boolean not null,
  activeflag boolean not null,
  purchasingwebserviceurl varchar(1024),
  modifieddate timestamp not null
);
create table purchasing.productvendor (
  productid integer not null references production.product,
  businessentityid integer not null references purchasing.vendor,
  averageleadtime integer not null,
  standardprice numeric(19,4) not null,
  lastreceiptcost numeric(19,4),
  lastreceiptdate timestamp,
  minorderqty integer not null,
  maxorderqty integer not null,
  onorderqty integer,
  unitmeasurecode char(3) not null references production.unitmeasure,
  modifieddate timestamp not null,
  primary key (productid, businessentityid)
);
create table purchasing.purchaseorderheader (
  purchaseorderid integer primary key,
  revisionnumber smallint not null,
  status smallint not null,
  employeeid integer not null,
  vendorid integer not null references purchasing.vendor,
  shipmethodid integer not null references purchasing.shipmethod,
  orderdate timestamp not null,
  shipdate timestamp,
  subtotal numeric(19,4) not null,
  taxamt numeric(19,4) not null,
  freight numeric(19,4) not null,
  totaldue numeric(19,4) not null,
  modifieddate timestamp not null
);
create table purchasing.purchaseorderdetail (
  purchaseorderid integer not null references purchasing.purchaseorderheader,
  purchaseorderdetailid integer not null,
  duedate timestamp not null,
  orderqty smallint not null,
  productid integer not null references production.product,
  unitprice numeric(19,4) not null,
  linetotal numeric(19,4) not null,
  receivedqty numeric(8,2) not null,
  rejectedqty numeric(8,2) not null,
  stockedqty numeric(9,2) not null,
  modifieddate timestamp not null,
  primary key (purchaseorderid, purchaseorderdetailid)
);
create index on purchasing.purchaseorderheader (modifieddate, purchaseorderid);
create index on purchasing.vendor (modifieddate, businessentityid);
