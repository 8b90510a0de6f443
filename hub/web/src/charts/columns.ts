// Columns of a chart, one for each step.

import type uPlot from 'uplot'

/** Calls draw for each step of so many seconds, with its edges in pixels, clipped to the axes. */
export function eachColumn(
  u: uPlot,
  at: number[],
  step: number,
  draw: (i: number, left: number, right: number) => void,
) {
  const { ctx, bbox } = u
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  at.forEach((t, i) =>
    draw(i, Math.round(u.valToPos(t / 1000, 'x', true)), Math.round(u.valToPos(t / 1000 + step, 'x', true))),
  )
  ctx.restore()
}
