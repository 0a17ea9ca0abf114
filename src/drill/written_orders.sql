-- The orders that the applications placed or changed; `due` is what the total should be.
SELECT o.id, o.written_by,
       json_build_object('customer', o.customer_id::text, 'product', o.product_id::text, 'quantity', o.quantity::text,
                         'total_cents', o.total_cents::text, 'due', (o.quantity * o.unit_cents)::text)
FROM public.orders o WHERE o.written_by <> 'load'
