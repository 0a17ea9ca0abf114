-- The shop's tables: 200,000 customers, 120,000 orders, 1,000 products. The applications connect as role shop, which
-- owns nothing. Seven customers have no name: the dirty data on which the change of acts one and two depends.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;  -- as it is from PostgreSQL 15 on
CREATE ROLE shop LOGIN;
CREATE TABLE public.products (
  id integer NOT NULL,
  name text NOT NULL,
  price_cents integer NOT NULL CHECK (price_cents > 0));
CREATE TABLE public.customers (
  id bigint NOT NULL,
  name text,
  phone text,
  written_by text NOT NULL);
CREATE TABLE public.orders (
  id bigint NOT NULL,
  customer_id bigint NOT NULL,
  product_id integer NOT NULL,
  quantity integer NOT NULL CHECK (quantity > 0),
  unit_cents integer NOT NULL,
  total_cents integer NOT NULL,
  written_by text NOT NULL);

INSERT INTO public.products SELECT n, 'Product ' || n, 100 + n * 37 % 4900 FROM generate_series(1, 1000) n;
INSERT INTO public.customers
  SELECT n, CASE WHEN n % 30000 <> 17 THEN 'Customer ' || n END, '+49 30 ' || n, 'load'
  FROM generate_series(1, 200000) n;
-- One order in ten was placed when its product was cheaper.
INSERT INTO public.orders
  SELECT n, n::bigint * 7 % 200000 + 1, p.id, n % 5 + 1, price.paid, price.paid * (n % 5 + 1), 'load'
  FROM generate_series(1, 120000) n
  JOIN public.products p ON p.id = n % 1000 + 1
  CROSS JOIN LATERAL (SELECT CASE n / 1000 % 10 WHEN 3 THEN p.price_cents - 20 ELSE p.price_cents END) price (paid);

ALTER TABLE public.products ADD PRIMARY KEY (id);
ALTER TABLE public.customers ADD PRIMARY KEY (id);
ALTER TABLE public.orders
  ADD PRIMARY KEY (id),
  ADD FOREIGN KEY (customer_id) REFERENCES public.customers,
  ADD FOREIGN KEY (product_id) REFERENCES public.products;
CREATE INDEX customers_name ON public.customers (name);
CREATE INDEX orders_customer ON public.orders (customer_id);
GRANT SELECT, INSERT, UPDATE ON public.products, public.customers, public.orders TO shop;
