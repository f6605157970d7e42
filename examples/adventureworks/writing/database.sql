-- What a purchasing system brings with it and the sample lacks: procedures that make an order, and a place where each
-- command that was carried out leaves its id, so that it can be found again.
create sequence purchasing.ordernumber;
select setval('purchasing.ordernumber', max(purchaseorderid)) from purchasing.purchaseorderheader;
create sequence purchasing.linenumber;
select setval('purchasing.linenumber', max(purchaseorderdetailid)) from purchasing.purchaseorderdetail;

create table purchasing.command (
  command varchar(64) primary key,
  purchaseorderid integer not null references purchasing.purchaseorderheader,
  carriedout timestamp not null default (now() at time zone 'utc')
);

create function purchasing.place_order(p_vendor integer, p_method text, p_ordered date, p_command text)
  returns integer language plpgsql as $$
declare
  made integer := nextval('purchasing.ordernumber');
  method integer;
begin
  if not exists (select from purchasing.vendor where businessentityid = p_vendor and activeflag) then
    raise exception 'Vendor % takes no orders', p_vendor using errcode = 'AW001';
  end if;
  select shipmethodid into method from purchasing.shipmethod where name = coalesce(p_method, 'CARGO TRANSPORT 5');
  if method is null then
    raise exception 'There is no shipping method %', p_method using errcode = 'AW002';
  end if;
  insert into purchasing.purchaseorderheader
    values (made, 1, 1, 258, p_vendor, method, coalesce(p_ordered, current_date), null, 0, 0, 0, 0, now() at time zone 'utc');
  insert into purchasing.command values (p_command, made);
  return made;
end $$;

create procedure purchasing.add_line(p_order integer, p_product integer, p_quantity smallint, p_price numeric, p_due timestamp)
  language plpgsql as $$
declare
  price numeric(19,4);
begin
  select coalesce(p_price, s.standardprice) into price
    from purchasing.purchaseorderheader h
    join purchasing.productvendor s on s.businessentityid = h.vendorid and s.productid = p_product
    where h.purchaseorderid = p_order;
  if price is null then
    raise exception 'The vendor does not supply product %', p_product using errcode = 'AW003';
  end if;
  insert into purchasing.purchaseorderdetail
    values (p_order, nextval('purchasing.linenumber'), coalesce(p_due, current_date + 14), p_quantity, p_product, price,
            p_quantity * price, 0, 0, 0, now() at time zone 'utc');
end $$;

create procedure purchasing.add_up(p_order integer) language sql as $$
  update purchasing.purchaseorderdetail set linetotal = orderqty * unitprice where purchaseorderid = p_order;
  update purchasing.purchaseorderheader h
    set subtotal = t.net, taxamt = round(t.net * 0.08, 4), totaldue = t.net + round(t.net * 0.08, 4) + h.freight,
        modifieddate = now() at time zone 'utc'
    from (select sum(linetotal) as net from purchasing.purchaseorderdetail where purchaseorderid = p_order) t
    where h.purchaseorderid = p_order;
$$;
