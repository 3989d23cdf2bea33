/** copy puts text on the clipboard; false where the browser does not let us. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return old(text)
  }
}

/** old is the way that also works over plain HTTP from another machine. */
function old(text: string): boolean {
  const focus = document.activeElement
  const t = document.createElement('textarea')
  t.value = text
  t.className = 'sr'
  t.setAttribute('aria-hidden', 'true')
  document.body.append(t)
  t.select()
  try {
    return document.execCommand('copy')
  } catch {
    return false
  } finally {
    t.remove()
    if (focus instanceof HTMLElement) focus.focus({ preventScroll: true })
  }
}
