// Interrupt handlers, each in the file of what it serves; start.c puts them into the vector table.
#pragma once

void on_timer(void);
void on_usb(void);
void on_converter(void);
void on_alert(void);
void on_wire(void);
