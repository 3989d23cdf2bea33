import { Injectable, Logger } from '@nestjs/common';

export interface Order {
  id: number;
  item: string;
}

const kept = 100;

@Injectable()
export class OrdersService {
  private readonly logger = new Logger(OrdersService.name);
  private readonly orders: Order[] = [];
  private next = 1;

  list(): Order[] {
    return this.orders;
  }

  add(item: string): Order {
    const order = { id: this.next++, item };
    this.orders.push(order);
    if (this.orders.length > kept) {
      this.orders.shift();
    }
    this.logger.log(`Order ${order.id} accepted: ${item}`);
    return order;
  }
}
