-- Shop 1.8: customers have a name and a phone.

-- add_customer(row, name, phone, write)
INSERT INTO public.customers (id, name, phone, written_by) VALUES ($1, $2, $3, $4);
-- rename_customer(row, name, write)
UPDATE public.customers SET name = $2, written_by = $3 WHERE id = $1;
-- read_customer(row)
SELECT name, phone FROM public.customers WHERE id = $1;
-- add_order(row, customer, product, quantity, write)
INSERT INTO public.orders (id, customer_id, product_id, quantity, unit_cents, total_cents, written_by)
SELECT $1, $2, p.id, $4::integer, p.price_cents, p.price_cents * $4::integer, $5
FROM public.products p WHERE p.id = $3;
-- read_order(row)
SELECT o.quantity, o.unit_cents, o.total_cents, c.name
FROM public.orders o JOIN public.customers c ON c.id = o.customer_id WHERE o.id = $1;
