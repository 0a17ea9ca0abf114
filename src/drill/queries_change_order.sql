-- Of both versions in the act that has it: a customer wants more of it, or less, at the price of that time.

-- change_order(row, quantity, write)
UPDATE public.orders SET quantity = $2::integer, total_cents = unit_cents * $2::integer, written_by = $3 WHERE id = $1;
