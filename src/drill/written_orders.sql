-- The orders that the applications placed.
SELECT o.id, o.written_by,
       json_build_object('customer', o.customer_id::text, 'product', o.product_id::text, 'quantity', o.quantity::text,
                         'adds_up', (o.total_cents = o.quantity * o.unit_cents)::text)
FROM public.orders o WHERE o.written_by <> 'load'
