'use strict'

// Reports as aligned plain text.

/** Three significant digits, thousands grouped: 0.19, 7.74, 656,000. */
function number(value) {
  if (!Number.isFinite(value)) return 'n/a'
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  const rounded = digits === 0 ? Number(value.toPrecision(3)) : value
  return rounded.toLocaleString('en-US', {
    minimumFractionDigits: Math.min(digits, 3),
    maximumFractionDigits: Math.min(digits, 3),
  })
}

/** First column to the left, the others to the right. */
function align(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows
    .map((row) =>
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))),
    )
    .map((row) => `  ${row.join('   ')}`.trimEnd())
    .join('\n')
}

/**
 * One case of a report. The first metric is the one compared: its spread is shown, and how ours relates to each contender's
 * (ours ÷ theirs: below 1 is better where lower is better).
 */
function formatCase({ name, title = name, note, results, versus }, metrics) {
  const [[primary]] = Object.entries(metrics)
  const ours = results.find((result) => result.contender === 'ironwire')
  const rows = [['', ...Object.values(metrics).map((metric) => metric.title), 'spread', 'ironwire ÷ it']]
  for (const { contender, metrics: values } of results) {
    const main = values[primary]
    const ratio = ours && contender !== 'ironwire' ? (ours.metrics[primary].median / main.median).toFixed(2) : ''
    rows.push([
      contender,
      ...Object.keys(metrics).map((key) => (values[key] ? number(values[key].median) : '')),
      `${number(main.min)} to ${number(main.max)}`,
      ratio,
    ])
  }
  const verdict = versus ? `\n  → ${versus.factor.toFixed(2)} × as fast as ${versus.contender}, the fastest other` : ''
  return `${title}${note ? ` (${note})` : ''}\n${align(rows)}${verdict}\n`
}

function formatReport(report) {
  const lines = [`\n# ${report.title}`, ...report.notes.map((note) => `note: ${note}`), '']
  for (const one of report.cases) lines.push(formatCase(one, report.metrics))
  return lines.join('\n')
}

module.exports = { formatReport, formatCase, align, number }
