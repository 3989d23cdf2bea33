import { describe, expect, it } from 'vitest'
import { site, until } from './site'

const s = site('-at', 'outage')

// What a stranger can put into a request line, a user agent, or an app's error.
const lines: [string, string][] = [
  ['script', '<script>alert(1)</script>'],
  ['image with handler', '<img src=x onerror=alert(1)>'],
  ['svg with handler', '"><svg/onload=alert(1)>'],
  ['end of a comment and of a template', '--></template></textarea></title><script>alert(1)</script>'],
  ['address of script', 'javascript:alert(1) [x](javascript:alert(1)) ![x](http://evil.example/x.png)'],
  ['template syntax', '{{constructor.constructor("alert(1)")()}} ${alert(1)} #{7*7} {@html "<b>x</b>"} <%= 1 %>'],
  ['event in an attribute', '\' onmouseover=alert(1) x=\' " autofocus onfocus=alert(1) "'],
  ['style and frame', '<style>*{display:none!important}</style><iframe src=//evil.example></iframe><base href=//evil.example>'],
  ['meta refresh', '<meta http-equiv=refresh content="0;url=//evil.example"><link rel=stylesheet href=//evil.example/x.css>'],
  ['terminal escapes', '\u001b[2J\u001b]0;owned\u0007\u001b[31mred\u001b[0m\u009b31m'],
  ['right to left', 'file \u202egnp.exe\u202c \u2066hidden\u2069'],
  ['control bytes', 'a\u0000b\u0008c\u000bd\u007f'],
  ['combining pile', `z${'\u0351\u0363'.repeat(400)}`],
  ['entities', '&lt;script&gt;alert(1)&lt;/script&gt; &amp;amp; &#x3c;'],
  ['one megabyte', `<b>${'A'.repeat(1 << 20)}</b>`],
  ['many lines', Array.from({ length: 20_000 }, (_, i) => `    at <script>alert(${i})</script> (/srv/a.js:${i}:1)`).join('\n')],
  ['proto', '__proto__ constructor {"__proto__":{"x":1}}'],
]

// The tests share one server; each hostile record is found by a word of its own.
let n = 0

describe.each(lines)('%s', (_, text) => {
  it('is text in rows, open records, surroundings and the record page', async () => {
    const word = `marker${++n}`
    const seq = JSON.parse(await s.control('add', { source: `/var/log/${encodeURIComponent(text.slice(0, 40))}.log`, service: 'shop-api', text: `${word} ${text}`, severity: 3, kind: 'exception' })) as number
    const p = await s.page({ viewport: { width: 1440, height: 900 } })
    await p.goto(`${s.base}/search?q=${word}`)
    await until(async () => p.locator('.r1').count(), (c) => c === 1)
    expect(await p.locator('.r1 .msg').textContent()).toContain(word)
    await p.locator('.r1').click()
    await p.locator('.stack').waitFor()
    await p.getByRole('button', { name: /^Surroundings/ }).click()
    await p.locator('.s-right .here').waitFor()
    const r = (await (await fetch(`${s.base}/api/search?q=${word}`)).json()) as { records: { source: string; seq: number }[] }
    expect(r.records[0]!.seq).toBe(seq)
    expect(await intact(p)).toEqual([])
    await p.goto(`${s.base}/records/${encodeURIComponent(r.records[0]!.source)}/${seq}`)
    await p.locator('.stack').waitFor()
    expect(await intact(p)).toEqual([])
  })
  it('is text in the incident, its timeline, its report and the palette', async () => {
    const id = `hostile-${++n}`
    const short = text.length > 4000 ? text.slice(0, 200_000) : text
    const at = new Date(Date.parse('2026-11-22T07:27:00Z') + n * 1000).toISOString()
    const e = (role: string) => ({ source: short.slice(0, 200), line: 1, time: at, text: short, role, seq: 1 })
    const title = short.slice(0, 300)
    await s.control('incident', {
      id, start: at, end: at, ongoing: false, upstreams: [short.slice(0, 120)], service: short.slice(0, 60), title, verdict: 'killed', tier: 'likely', confidence: 0.5, keeps_down: short.slice(0, 50), initiator: short.slice(0, 80), known_to: title,
      failures: { requests_failed: 5, of: 5, status: { [short.slice(0, 20)]: 5 }, error_lines: 5, clients: 1, by_phase: { refused: 5 }, per_second: [5], bin_seconds: 1 },
      trigger: { kind: 'x', entity: 'y', time: at }, root: { kind: 'x', entity: 'y', time: at },
      causes: [{ kind: 'killed', entity: title, time: at, confidence: 0.5, score: [{ feature: title, weight: 1, why: title }], evidence: [e('decisive'), e('effect')] }],
      chain: [{ time: at, kind: 'deploy', entity: title, text: title, role: 'root', evidence: [0] }, { time: at, kind: 'killed', entity: title, text: title, role: 'failure', evidence: [1] }, { time: at, kind: 'x', entity: title, text: title, role: 'impact', evidence: [] }],
      ruled_out: [{ kind: title, entity: title, reason: title }], prevention: [{ text: title, command: title, basis: title }],
    })
    const p = await s.page()
    await p.goto(`${s.base}/incidents/${id}`)
    await p.locator('.tl-main svg').waitFor()
    await p.getByRole('button', { name: 'How it adds up' }).click()
    expect(await intact(p)).toEqual([])
    await p.keyboard.press('Control+k')
    await p.locator('#pal').waitFor()
    expect(await intact(p)).toEqual([])
    await p.goto(`${s.base}/incidents/${id}/report`)
    await p.frameLocator('iframe.preview').locator('h1').first().waitFor()
    expect(await p.frames()[1]!.evaluate(() => document.querySelectorAll('script, iframe, base, [onerror], [onload], [onmouseover], link[href*=evil]').length)).toBe(0)
    await p.goto(s.base)
    await p.locator('.ups .up').first().waitFor()
    expect(await intact(p)).toEqual([])
  })
})

/** intact names what is wrong with a page: elements that text made, or a layout that burst. */
async function intact(p: import('playwright-core').Page): Promise<string[]> {
  return p.evaluate(() => {
    const out: string[] = []
    // eslint-disable-next-line no-control-regex
    const raw = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/
    for (const sel of ['script:not([src^="/assets/"])', 'img', '#app iframe:not(.preview)', 'base', '#app style', 'meta[http-equiv]', '[onerror]', '[onload]', '[onmouseover]', '[onfocus]', 'link[href*=evil]', 'a[href^="javascript:"]'])
      if (document.querySelector(sel)) out.push(`made ${sel}`)
    if (document.documentElement.scrollWidth > innerWidth) {
      const wide = [...document.querySelectorAll('#app *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 3)
      out.push(`scrolls sideways: ${wide.map((e) => `${e.tagName}.${(e as HTMLElement).className}`).join(', ')}`)
    }
    for (const sel of ['.vline', '.r1 .msg', '.stack', '.ctx', '.surr']) for (const e of document.querySelectorAll(sel)) if (raw.test(e.textContent ?? '')) out.push(`raw control bytes in ${sel}`)
    const top = document.querySelector('.top')?.getBoundingClientRect()
    if (!top || top.height < 40 || top.height > 60) out.push('the head is gone')
    return out
  })
}
