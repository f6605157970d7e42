-- A purchasing ledger in the shape that Dynamics NAV gives it: padded codes, every amount numeric(38,20), whole numbers
-- for options, a version number and a change stamp. Made inside PostgreSQL from the row number alone, so that every
-- run reads the same data. :orders is the number of orders; ten orders have fifty lines.
\set ON_ERROR_STOP on
drop table if exists purchase_line, purchase_header;

-- Digits that look random and are the same on every machine.
create or replace function noise(seed bigint, modulus bigint) returns bigint language sql immutable parallel safe as $$
  select ((seed * 2654435761 + 1013904223) % 4294967291 + 4294967291) % 4294967291 % modulus
$$;

create table purchase_header (
  no_ varchar(20) not null,
  document_type integer not null,
  buy_from_vendor_no_ varchar(20) not null,
  buy_from_vendor_name varchar(50) not null,
  your_reference varchar(35) not null,
  order_date date not null,
  posting_date date not null,
  expected_receipt_date date,
  due_date date not null,
  payment_terms_code varchar(10) not null,
  shipment_method_code varchar(10) not null,
  location_code varchar(10) not null,
  currency_code varchar(10) not null,
  currency_factor numeric(38,20) not null,
  purchaser_code varchar(10) not null,
  amount numeric(38,20) not null,
  vat_amount numeric(38,20) not null,
  amount_including_vat numeric(38,20) not null,
  status integer not null,
  on_hold boolean not null,
  ship_to_name varchar(50) not null,
  ship_to_city varchar(30) not null,
  ship_to_post_code varchar(20) not null,
  row_version bigint not null,
  modified_at timestamp(3) not null
);

insert into purchase_header
select 'PO' || lpad(n::text, 8, '0'),
       1,
       'V' || lpad((1 + noise(n, 1200))::text, 5, '0'),
       'Supplier ' || (1 + noise(n, 1200)) || ' Ltd.',
       case when n % 3 = 0 then 'REF-' || noise(n + 7, 1000000) else '' end,
       date '2024-01-01' + noise(n, 700)::integer,
       date '2024-01-01' + noise(n, 700)::integer + 1,
       case when n % 5 = 0 then null else date '2024-01-01' + noise(n, 700)::integer + 14 end,
       date '2024-01-01' + noise(n, 700)::integer + 30,
       (array['14D', '30D', '60D', 'COD', '1M(8D)'])[1 + noise(n + 1, 5)],
       (array['EXW', 'FOB', 'CIF', 'DDP'])[1 + noise(n + 2, 4)],
       (array['BLUE', 'GREEN', 'RED', 'WHITE', 'YELLOW'])[1 + noise(n + 3, 5)],
       (array['', '', 'USD', 'GBP'])[1 + noise(n + 4, 4)],
       1 + noise(n + 5, 99999999)::numeric / 100000000000000000000,
       (array['RL', 'MH', 'PB', 'AN'])[1 + noise(n + 6, 4)],
       0, 0, 0,
       noise(n + 8, 4),
       n % 97 = 0,
       'Warehouse ' || (1 + noise(n + 3, 5)),
       (array['Hamburg', 'Leeds', 'Lyon', 'Odense', 'Porto'])[1 + noise(n + 3, 5)],
       lpad(noise(n + 3, 99999)::text, 5, '0'),
       100000000 + n,
       timestamp '2026-01-01' + n * interval '100 milliseconds'
from generate_series(1, :orders) n;

create table purchase_line (
  document_no_ varchar(20) not null,
  line_no_ integer not null,
  type integer not null,
  no_ varchar(20) not null,
  description varchar(50) not null,
  unit_of_measure_code varchar(10) not null,
  location_code varchar(10) not null,
  bin_code varchar(20) not null,
  quantity numeric(38,20) not null,
  quantity_received numeric(38,20) not null,
  outstanding_quantity numeric(38,20) not null,
  qty_per_unit_of_measure numeric(38,20) not null,
  direct_unit_cost numeric(38,20) not null,
  unit_cost_lcy numeric(38,20) not null,
  line_discount_pct numeric(38,20) not null,
  line_discount_amount numeric(38,20) not null,
  vat_pct numeric(38,20) not null,
  amount numeric(38,20) not null,
  amount_including_vat numeric(38,20) not null,
  expected_receipt_date date,
  planned_receipt_date date not null,
  completely_received boolean not null,
  job_no_ varchar(20) not null,
  row_version bigint not null,
  modified_at timestamp(3) not null
);

insert into purchase_line
select 'PO' || lpad(n::text, 8, '0'),
       l * 10000,
       2,
       'ITEM-' || lpad(item::text, 6, '0'),
       (array['Bearing', 'Gasket', 'Filter', 'Valve', 'Pump', 'Belt', 'Sensor', 'Cable'])[1 + item % 8] || ' ' || item,
       (array['PCS', 'BOX', 'KG', 'M'])[1 + item % 4],
       (array['BLUE', 'GREEN', 'RED', 'WHITE', 'YELLOW'])[1 + noise(n + 3, 5)],
       case when item % 2 = 0 then 'W-' || lpad((item % 40)::text, 2, '0') || '-' || lpad((item % 300)::text, 4, '0') else '' end,
       quantity, received, quantity - received,
       case when item % 4 = 1 then 12 else 1 end,
       cost, round(cost * 1.0843, 5), discount,
       round(quantity * cost * discount / 100, 2), 19,
       round(quantity * cost * (100 - discount) / 100, 2),
       round(quantity * cost * (100 - discount) * 1.19 / 100, 2),
       case when n % 5 = 0 then null else date '2024-01-01' + noise(n, 700)::integer + 14 end,
       date '2024-01-01' + noise(n, 700)::integer + 12,
       received = quantity,
       case when n % 11 = 0 then 'JOB' || lpad((n % 500)::text, 5, '0') else '' end,
       200000000 + n * 10 + l,
       timestamp '2026-01-01' + n * interval '100 milliseconds'
from (
  select n, l, item, discount, quantity, cost, case when n % 3 = 0 then quantity when n % 3 = 1 then 0 else 1 end as received
  from (
    select n, l, 1 + noise(n * 31 + l, 8000) as item,
           (array[0, 0, 0, 2.5, 5])[1 + noise(n + l, 5)]::numeric as discount,
           1 + noise(n * 17 + l, 240)::numeric as quantity,
           -- One cost in ten comes out of a division and uses all twenty decimals.
           case when (n + l) % 10 = 0 then (1000 + noise(n * 13 + l, 900000))::numeric(38,20) / 700
                else (100 + noise(n * 13 + l, 900000))::numeric / 100 end as cost
    from generate_series(1, :orders) n
    cross join lateral generate_series(1, (array[1, 2, 3, 4, 5, 5, 6, 7, 8, 9])[1 + n % 10]) l
  ) drawn
) drawn;

update purchase_header h
set amount = s.net, vat_amount = s.gross - s.net, amount_including_vat = s.gross
from (select document_no_, sum(amount) as net, sum(amount_including_vat) as gross from purchase_line group by 1) s
where s.document_no_ = h.no_;

alter table purchase_header add primary key (no_);
alter table purchase_line add primary key (document_no_, line_no_);
create index on purchase_header (modified_at, no_);
create index on purchase_header (row_version);
vacuum (full, analyze) purchase_header;
vacuum (analyze) purchase_line;
