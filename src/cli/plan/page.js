const all = [...document.querySelectorAll('[data-op]')];
const ops = e => e.dataset.op.split(' ');
const mark = (name, on) => all.forEach(e => e.classList.toggle(name, on.length > 0 && ops(e).some(o => on.includes(o))));
const box = document.querySelector('.picture'), svg = box.querySelector('svg');
const whole = svg.viewBox.baseVal, size = { w: whole.width, h: whole.height };
let view = { x: 0, y: 0, k: 1 }, picked = [];

// the picture: view.k pixels for a unit, its upper left corner at view.x, view.y
function draw() {
  const { width, height } = box.getBoundingClientRect();
  svg.setAttribute('viewBox', `${view.x} ${view.y} ${width / view.k} ${height / view.k}`);
}
function fit(least) {
  const { width, height } = box.getBoundingClientRect();
  const k = Math.max(Math.min(width / size.w, height / size.h, 1.5), least || 0);
  view = { k, x: (size.w - width / k) / 2, y: Math.min(0, (size.h - height / k) / 2) };
  if (size.h * k < height) view.y = (size.h - height / k) / 2;
  draw();
}
function zoom(by, at) {
  const r = box.getBoundingClientRect(), p = at || { x: r.left + r.width / 2, y: r.top + r.height / 2 };
  const k = Math.min(4, Math.max(0.05, view.k * by));
  const dx = p.x - r.left, dy = p.y - r.top;
  view = { k, x: view.x + dx / view.k - dx / k, y: view.y + dy / view.k - dy / k };
  draw();
}
function pan(dx, dy) { view.x -= dx / view.k; view.y -= dy / view.k; draw(); }
function centre(op) {
  const place = svg.querySelector(`[data-op="${op}"]`);
  if (!place) return;
  const r = box.getBoundingClientRect(), at = place.transform.baseVal[0].matrix;
  const seen = at.e >= view.x && at.f >= view.y && at.e + 250 <= view.x + r.width / view.k && at.f + 84 <= view.y + r.height / view.k;
  if (seen && view.k >= 0.5) return;
  view.k = Math.max(view.k, 0.8);
  view.x = at.e + 125 - r.width / view.k / 2;
  view.y = at.f + 42 - r.height / view.k / 2;
  draw();
}
svg.setAttribute('preserveAspectRatio', 'xMinYMin meet');
fit(0.35);
addEventListener('resize', () => fit(0.35));
document.querySelector('.bar').addEventListener('click', e => {
  const what = e.target.dataset && e.target.dataset.zoom;
  if (what === 'fit') fit(); else if (what === 'one') zoom(1 / view.k); else if (what) zoom(Number(what));
});
box.addEventListener('wheel', e => { e.preventDefault(); zoom(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0015)), e); }, { passive: false });
box.addEventListener('keydown', e => {
  const keys = { '+': () => zoom(1.25), '=': () => zoom(1.25), '-': () => zoom(0.8), '0': () => fit(), '1': () => zoom(1 / view.k),
    ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0), ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60) };
  if (keys[e.key] && !e.ctrlKey && !e.metaKey) { e.preventDefault(); keys[e.key](); }
});

// one finger or the mouse moves, two fingers zoom
const fingers = new Map();
let moved = 0;
box.addEventListener('pointerdown', e => { fingers.set(e.pointerId, e); moved = 0; });
addEventListener('pointermove', e => {
  const before = fingers.get(e.pointerId);
  if (!before) return;
  moved += Math.abs(e.clientX - before.clientX) + Math.abs(e.clientY - before.clientY);
  if (fingers.size === 2) {
    const other = [...fingers.values()].find(f => f.pointerId !== e.pointerId);
    const far = f => Math.hypot(f.clientX - other.clientX, f.clientY - other.clientY);
    zoom(far(e) / Math.max(1, far(before)), { x: (e.clientX + other.clientX) / 2, y: (e.clientY + other.clientY) / 2 });
  } else { pan(e.clientX - before.clientX, e.clientY - before.clientY); box.classList.toggle('drag', moved > 4); }
  fingers.set(e.pointerId, e);
});
for (const end of ['pointerup', 'pointercancel']) addEventListener(end, e => { fingers.delete(e.pointerId); box.classList.remove('drag'); });

// an operator, its place in the text and its row belong together
function pick(e) {
  const same = picked.join() === ops(e).join();
  picked = same ? [] : ops(e);
  mark('picked', picked);
  if (same) return;
  if (!svg.contains(e)) centre(picked[0]);
  const shown = [...document.querySelectorAll('pre .at')].filter(s => ops(s).includes(picked[0]));
  // the innermost place in the program, and in the definition that it comes from
  if (e.closest('pre') === null) shown.slice(-1).forEach(s => s.scrollIntoView({ block: 'nearest', inline: 'nearest' }));
}
all.forEach(e => {
  e.addEventListener('mouseover', x => { x.stopPropagation(); mark('on', ops(e)); });
  e.addEventListener('mouseleave', () => mark('on', []));
  e.addEventListener('focus', () => mark('on', ops(e)));
  e.addEventListener('click', x => { if (moved > 4 && svg.contains(e)) return; x.stopPropagation(); pick(e); });
  e.addEventListener('keydown', x => { if (x.key === 'Enter' || x.key === ' ') { x.preventDefault(); pick(e); } });
});
addEventListener('keydown', e => { if (e.key === 'Escape') { picked = []; mark('picked', []); mark('on', []); } });

// the table by any of its columns; numbers the largest first, and round again
document.querySelectorAll('th button').forEach(button => button.addEventListener('click', () => {
  const head = button.closest('th'), row = head.parentNode, at = [...row.children].indexOf(head);
  const first = head.classList.contains('n') && head.dataset.first !== 'up' ? 'descending' : 'ascending';
  const now = head.getAttribute('aria-sort');
  const order = now === null ? first : now === 'ascending' ? 'descending' : 'ascending';
  [...row.children].forEach(h => h.removeAttribute('aria-sort'));
  head.setAttribute('aria-sort', order);
  const key = r => r.children[at].dataset.v ?? r.children[at].textContent;
  const body = row.closest('table').tBodies[0];
  const compare = (a, b) => head.classList.contains('n') ? Number(key(a)) - Number(key(b)) : key(a).localeCompare(key(b));
  [...body.rows].sort((a, b) => compare(a, b) * (order === 'ascending' ? 1 : -1)).forEach(r => body.append(r));
}));
