// A list of labels with bars. rows(n) makes the elements once; show() changes what differs.
export class Bars {
  constructor(list) {
    this.list = list;
  }

  #rows(count) {
    while (this.list.children.length > count) this.list.lastElementChild.remove();
    while (this.list.children.length < count) {
      const row = document.createElement('li');
      row.innerHTML = '<span class="name"></span><span class="value"></span><span class="track" aria-hidden="true"><span class="fill"></span></span>';
      this.list.append(row);
    }
    return [...this.list.children];
  }

  // entries: {name, share} with shares from 0 to 1; share null: nothing known.
  show(entries) {
    const most = Math.max(...entries.map((entry) => entry.share ?? 0));
    this.#rows(entries.length).forEach((row, i) => {
      const { name, share } = entries[i];
      const [label, value, track] = row.children;
      if (label.textContent !== name) label.textContent = name;
      const text = share === null ? '' : percent(share);
      if (value.textContent !== text) value.textContent = text;
      track.firstElementChild.style.setProperty('--share', (share ?? 0).toFixed(4));
      row.classList.toggle('best', share !== null && share > 0 && share === most);
    });
  }
}

export function percent(share) {
  return `${share >= 0.9995 ? '100' : share < 0.0995 ? (100 * share).toFixed(1) : (100 * share).toFixed(share > 0.99 ? 1 : 0)} %`;
}

export function milliseconds(time) {
  return `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;
}
