(() => {
  const d = document, a = d.getElementById("age"), late = d.getElementById("late"), find = d.getElementById("find");
  const tick = () => {
    const s = Date.now() / 1e3 - a.dataset.started, m = Math.floor(s / 60);
    const [z, u] = m >= 2880 ? [1440, "day"] : m >= 120 ? [60, "hour"] : [1, "minute"], n = Math.floor(m / z);
    a.textContent = m < 1 ? "just now" : `${n} ${u}${n > 1 ? "s" : ""} ago`;
    late.hidden = !(s > a.dataset.usual);
  };
  tick();
  setInterval(tick, 6e4);
  find.closest("label").hidden = false;
  find.oninput = () => {
    const wanted = find.value.toLowerCase();
    for (const r of d.querySelectorAll("#closer tbody tr")) r.hidden = !r.textContent.toLowerCase().includes(wanted);
  };
})();
