// Amounts of money: whole minor units in, text for this visitor's language out.

const formats = new Map();

// Without a currency, or with one that Intl does not know, amounts have two decimals.
function makeFormat(currency) {
  const plain = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  if (!currency) return new Intl.NumberFormat(undefined, plain);
  try {
    return new Intl.NumberFormat(undefined, { style: 'currency', currency, currencyDisplay: 'narrowSymbol' });
  } catch {
    const format = new Intl.NumberFormat(undefined, plain);
    return {
      resolvedOptions: () => format.resolvedOptions(),
      formatToParts: (value) => [
        ...format.formatToParts(value),
        { type: 'literal', value: '\u00a0' },
        { type: 'currency', value: currency },
      ],
    };
  }
}

// [{type, value}], as of Intl.NumberFormat.formatToParts().
export function moneyParts(amount, currency) {
  if (!formats.has(currency)) formats.set(currency, makeFormat(currency));
  const format = formats.get(currency);
  return format.formatToParts(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

export const money = (amount, currency) =>
  moneyParts(amount, currency).map((part) => part.value).join('');
