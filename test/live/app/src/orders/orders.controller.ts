import { BadRequestException, Body, Controller, Get, Post } from '@nestjs/common';
import { Order, OrdersService } from './orders.service';

@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Get()
  list(): Order[] {
    return this.orders.list();
  }

  @Post()
  add(@Body() body: { item?: string }): Order {
    if (!body?.item) {
      throw new BadRequestException('an order needs an item');
    }
    return this.orders.add(body.item);
  }
}
